"""Making the PDF of a document, sealed with the key of the body that the trust centre holds."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from django.conf import settings

from pencere.documents.remote import SealService
from pencere.kernel.clock import local_date
from pencere.web.country import country


def sealed_pdf(  # noqa: PLR0913, a document is all of these
    *,
    template: Path,
    values: Mapping[str, Any],
    language: str,
    verification_url: str,
    body: str,
    number: str,
    at: datetime,
) -> bytes:
    """Return the sealed PDF.

    Raises:
        Unavailable: the seal, the time stamp or the status of the certificate cannot be had now.
        Refused: the seal of this body may not be used.
    """
    # typst and pyHanko take 35 MiB and a second: only the process that seals loads them.
    from pencere.documents.make import make_pdf  # noqa: PLC0415
    from pencere.documents.seal import seal_pdf  # noqa: PLC0415

    pdf = make_pdf(
        template,
        values,
        language,
        verification_url,
        document={
            "authority": country().body(body).names.as_mapping(),
            "number": number,
            "issued_on": local_date(at).isoformat(),
        },
        made_at=at,
    )
    tsa = f"{settings.INSTALLATION.address('trust')}/tsa"
    # With a document time-stamp it proves itself also after the certificates of today have ended.
    return seal_pdf(
        pdf, _seal_of(body), tsa, anchors=anchors(), level="B-LTA", clock=settings.CLOCK
    )


@cache
def anchors() -> tuple[x509.Certificate, ...]:
    """Return the roots this installation trusts."""
    pem = (settings.INSTALLATION.pki / "root.crt").read_bytes()
    return tuple(x509.load_pem_x509_certificates(pem))


@cache
def _seal_of(body: str) -> SealService:
    installation = settings.INSTALLATION
    return SealService(
        base_url=f"{installation.address('trust')}/csc/v1",
        token=installation.secret(f"seal/{body}"),
        credential=f"seal-{body}",
    )
