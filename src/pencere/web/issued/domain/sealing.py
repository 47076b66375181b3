"""Making the PDF of a document and sealing it with the key of the body, held by the trust centre."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pencere.documents.make import make_pdf
from pencere.kernel.clock import local_date
from pencere.web.country import country


def made_pdf(  # noqa: PLR0913, a document is all of these
    *,
    template: Path,
    values: Mapping[str, Any],
    language: str,
    verification_url: str,
    body: str,
    number: str,
    at: datetime,
) -> bytes:
    """Return the PDF before its seal."""
    return make_pdf(
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
