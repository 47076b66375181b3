"""Reading fields of what officers' pages and phones send, strictly."""

import re
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from pencere.kernel.errors import Invalid, PencereError
from pencere.kernel.identifiers import Fin, parse_fin
from pencere.trust.store import serial_bytes

_SERIAL = re.compile(r"[1-9a-f][0-9a-f]{0,39}")
_HASH = re.compile(r"[0-9a-f]{64}")
_CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9/._-]{0,63}")
LONGEST_NOTE = 500
Content = Mapping[str, Any]


def wrong(field: str, code: str = "act.content") -> Invalid:
    """Return the error that names a field."""
    return Invalid(code, field=field)


def only(content: Content, allowed: Collection[str], place: str = "") -> None:
    """Refuse a field that is not expected: it might be believed to have an effect."""
    for name in content:
        if name not in allowed:
            raise wrong(f"{place}{name}"[:60])


def identifier(content: Content, name: str) -> uuid.UUID:
    """Return a UUID in its usual form."""
    value = content.get(name)
    try:
        found = uuid.UUID(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or str(found) != value:
        raise wrong(name)
    return found


def fin(content: Content, name: str) -> Fin:
    """Return a personal number."""
    value = content.get(name)
    if not isinstance(value, str):
        raise wrong(name)
    try:
        return parse_fin(value)
    except PencereError as error:
        raise wrong(name) from error


def word(content: Content, name: str, allowed: Collection[str]) -> str:
    """Return one of the allowed words."""
    value = content.get(name)
    if not isinstance(value, str) or value not in allowed:
        raise wrong(name)
    return value


def text(content: Content, name: str, *, longest: int = 200, empty: bool = False) -> str:
    """Return a printable text without blanks around it."""
    value = content.get(name, "" if empty else None)
    if not isinstance(value, str) or len(value) > longest or not (value or empty):
        raise wrong(name)
    if value != value.strip() or not value.replace("\n", " ").isprintable():
        raise wrong(name)
    return value


def case(content: Content) -> str | None:
    """Return the number of the office's case, or None."""
    value = content.get("case")
    if value is None:
        return None
    if not isinstance(value, str) or not _CASE.fullmatch(value):
        raise wrong("case")
    return value


def number(content: Content, name: str, *, least: int, most: int) -> int:
    """Return an integer within bounds."""
    value = content.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise wrong(name)
    return value


def mapping(content: Content, name: str) -> dict[str, Any]:
    """Return an object."""
    value = content.get(name)
    if not isinstance(value, dict):
        raise wrong(name)
    return value


def serials(content: Content, name: str = "serials", *, most: int = 20) -> tuple[bytes, ...]:
    """Return serial numbers as the store keeps them, sorted; none twice."""
    value = content.get(name, [])
    if not isinstance(value, list) or len(value) > most:
        raise wrong(name)
    for one in value:
        if not isinstance(one, str) or not _SERIAL.fullmatch(one):
            raise wrong(name)
    found = sorted({serial_bytes(int(one, 16)) for one in value})
    if len(found) != len(value):
        raise wrong(name)
    return tuple(found)


def sha256(value: object, name: str) -> bytes:
    """Return the 32 bytes of a hex text."""
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise wrong(name)
    return bytes.fromhex(value)
