"""The electronic seal of a body on a PDF: PAdES baseline B-LT or B-LTA (EN 319 142-1).

The seal is a certifying signature that allows no change afterwards, with a time-stamp from our
authority and the status of every certificate at that moment, so that anyone can verify it later
without asking anybody.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from cryptography import x509

from pencere.documents.formats import pades
from pencere.documents.formats.csc import CscSigner
from pencere.documents.formats.pades import PdfChoices
from pencere.documents.formats.services import NetworkServices
from pencere.documents.formats.signer import sign_one
from pencere.documents.remote import SealService
from pencere.kernel.clock import Clock, SystemClock
from pencere.kernel.errors import Conflict, Invalid, PencereError, Refused

Level = Literal["B-LT", "B-LTA"]

FIELD = "Seal"

# What the formats say of any signature, in the words of seals.
_REFUSALS: dict[str, PencereError] = {
    "certificate.revoked": Refused("seal.revoked"),
    "certificate.untrusted": Refused("seal.untrusted"),
    "certificate.unknown": Refused("seal.untrusted"),
    "certificate.expired": Refused("seal.untrusted"),
    "certificate.not_yet_valid": Refused("seal.untrusted"),
    "certificate.purpose": Refused("seal.untrusted"),
    "sign.false": Refused("seal.signature"),
    "sign.not_pdf": Invalid("seal.not_pdf"),
    "sign.pdf_encrypted": Invalid("seal.not_pdf"),
    "sign.pdf_sealed": Invalid("seal.sealed_already"),
    "sign.pdf_signed_before": Invalid("seal.sealed_already"),
}


def seal_pdf(  # noqa: PLR0913 - the last three have defaults
    pdf: bytes,
    service: SealService,
    tsa_url: str,
    *,
    anchors: Sequence[x509.Certificate],
    level: Level = "B-LT",
    reason: str | None = None,
    clock: Clock | None = None,
) -> bytes:
    """Return the PDF with the seal of `service` as its last change.

    `anchors`: the roots under which seal and time-stamp must stand. `reason`: shown by readers,
    in the language of the document. Blocks for the time of six small requests.

    Raises:
        Refused: `seal.revoked`, `seal.untrusted`, `seal.refused`, `seal.signature`.
        Unavailable: `seal.unavailable`, `status.unavailable`, `time_stamp.unavailable`.
        Invalid: `seal.not_pdf`, `seal.sealed_already`.
    """
    now = clock or _SYSTEM
    services = _services(tsa_url, tuple(anchors), now)
    signer = CscSigner(service)
    choices = PdfChoices(level, FIELD, reason, seal=True)
    try:
        prepared = pades.prepare(pdf, signer, services, choices, at=now.now())
        # Asked before the key is used, and again for the evidence once it has been.
        services.evidence([signer.certificate], [], signer.chain)
        return sign_one(signer, prepared)
    except (Conflict, Invalid, Refused) as error:
        refusal = _REFUSALS.get(error.code)
        if refusal is None:
            raise
        raise type(refusal)(refusal.code) from error


_SYSTEM = SystemClock()
_kept: dict[str, NetworkServices] = {}


def _services(tsa_url: str, anchors: tuple[x509.Certificate, ...], clock: Clock) -> NetworkServices:
    """Return the services of an address, with their connections kept from call to call."""
    kept = _kept.get(tsa_url)
    if kept is None or tuple(kept.anchors) != anchors or kept.clock is not clock:
        kept = NetworkServices(clock, tsa_url, anchors, again=timedelta(0))
        _kept[tsa_url] = kept
    return kept
