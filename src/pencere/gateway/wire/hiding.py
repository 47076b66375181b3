"""An access that is kept from the person for a time: what the request says of it.

Header names are those of Estonia's extension PR-PDU-REST 0.1.0 of X-Road's protocol, so that a
system written for it works here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

_LONGEST_REASON = 500
HEADERS = (b"x-road-pdu-hidden", b"x-road-pdu-hidden-reason", b"x-road-pdu-hidden-until")
EXAMPLE = (
    "X-Road-PDU-Hidden: true, X-Road-PDU-Hidden-Reason: order%2012%2F3 (percent-encoded UTF-8),"
    " X-Road-PDU-Hidden-Until: 2027-01-01T00:00:00Z (may be left out)"
)


@dataclass(frozen=True, slots=True)
class Hiding:
    """By which order, and until when if that was said."""

    reason: str
    until: datetime | None


def read_hiding(values: Mapping[bytes, bytes]) -> Hiding | None:
    """Return what the headers (names in small letters) say; None when nothing is hidden.

    Raises:
        ValueError: said, but not as it must be.
    """
    said = values.get(b"x-road-pdu-hidden", b"").decode("latin-1").strip().lower()
    reason = values.get(b"x-road-pdu-hidden-reason", b"").decode("ascii").strip()
    until = values.get(b"x-road-pdu-hidden-until", b"").decode("ascii").strip()
    if said in {"", "false"}:
        if reason or until:
            raise ValueError("a reason or a time without X-Road-PDU-Hidden: true")
        return None
    if said != "true":
        raise ValueError("X-Road-PDU-Hidden is true or false")
    words = unquote(reason, errors="strict").strip()
    if not 0 < len(words) <= _LONGEST_REASON or not words.isprintable():
        raise ValueError("a reason is needed")
    instant = datetime.fromisoformat(until) if until else None
    if instant is not None and instant.tzinfo is None:
        raise ValueError("the time needs an offset")
    return Hiding(words, instant)
