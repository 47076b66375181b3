"""Distinguished Encoding Rules: the small part of X.690 that our own templates and parsers need.

Writing is concatenation of bytes, so that a status answer or a time-stamp token costs little
more than its signature. Reading is strict: definite minimal lengths, no trailing bytes, a bounded
size; whatever does not fit is refused before anything is looked up or signed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from pencere.kernel.errors import Invalid

BOOLEAN = 0x01
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OBJECT_IDENTIFIER = 0x06
ENUMERATED = 0x0A
UTF8_STRING = 0x0C
SEQUENCE = 0x30
SET = 0x31
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18


def tlv(tag: int, content: bytes) -> bytes:
    """Return one element with a definite, minimal length."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    if size < 0x100:
        return bytes((tag, 0x81, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def sequence(*parts: bytes) -> bytes:
    """Return a SEQUENCE of encoded parts."""
    return tlv(SEQUENCE, b"".join(parts))


def set_of(*parts: bytes) -> bytes:
    """Return a SET OF; DER sorts its encoded members (X.690 section 11.6)."""
    return tlv(SET, b"".join(sorted(parts)))


def octet_string(content: bytes) -> bytes:
    """Return an OCTET STRING."""
    return tlv(OCTET_STRING, content)


def bit_string(content: bytes) -> bytes:
    """Return a BIT STRING of whole octets."""
    return tlv(BIT_STRING, b"\x00" + content)


def integer(value: int) -> bytes:
    """Return an INTEGER of a value that is not negative."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def boolean(*, value: bool) -> bytes:
    """Return a BOOLEAN; DER writes true as FF."""
    return tlv(BOOLEAN, b"\xff" if value else b"\x00")


def enumerated(value: int) -> bytes:
    """Return an ENUMERATED below 128."""
    return tlv(ENUMERATED, bytes((value,)))


def utf8(text: str) -> bytes:
    """Return a UTF8String."""
    return tlv(UTF8_STRING, text.encode())


def context(number: int, content: bytes, *, constructed: bool = True) -> bytes:
    """Return an element tagged [number] in the context class."""
    return tlv((0xA0 if constructed else 0x80) | number, content)


@cache  # of our own constants only; what is read is compared in its encoded form
def object_identifier(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER from its dotted form."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = bytearray()
    for arc in (first * 40 + second, *rest):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(0x80 | (arc & 0x7F))
        content += bytes(reversed(septets))
    return tlv(OBJECT_IDENTIFIER, bytes(content))


def generalized_time(instant: datetime) -> bytes:
    """Return a GeneralizedTime in whole seconds of UTC (RFC 5280 section 4.1.2.5.2)."""
    return tlv(GENERALIZED_TIME, instant.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode())


def time(instant: datetime) -> bytes:
    """Return a Time: UTCTime up to 2049, GeneralizedTime after (RFC 5280 section 5.1.2.4)."""
    instant = instant.astimezone(UTC)
    if instant.year >= 2050:
        return generalized_time(instant)
    return tlv(UTC_TIME, instant.strftime("%y%m%d%H%M%SZ").encode())


def named_bit(number: int) -> bytes:
    """Return a named-bit BIT STRING with the one bit set (X.690 section 11.2.2)."""
    size, spare = number // 8 + 1, 7 - number % 8
    return tlv(BIT_STRING, bytes((spare,)) + (1 << spare).to_bytes(size, "big"))


NULL_VALUE = b"\x05\x00"


@dataclass(frozen=True, slots=True)
class Element:
    """One element as read: `content` without and `encoded` with tag and length."""

    tag: int
    content: bytes
    encoded: bytes

    def children(self) -> "Reader":
        """Return a reader over the elements within."""
        return Reader(self.content)


class Reader:
    """Read elements one after the other.

    Raises:
        Invalid: `der.malformed` for anything that is not DER of the expected shape.
    """

    def __init__(self, encoded: bytes) -> None:
        self._bytes = encoded
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._bytes)

    def __iter__(self) -> Iterator[Element]:
        while self:
            yield self.element()

    def next_tag(self) -> int | None:
        """Return the tag that follows, or None at the end."""
        return self._bytes[self._at] if self else None

    def element(self, tag: int | None = None) -> Element:
        """Return the next element, which must carry `tag` when that is given."""
        start, data = self._at, self._bytes
        if len(data) - start < 2:
            raise Invalid("der.malformed", reason="truncated")
        found, first = data[start], data[start + 1]
        if found & 0x1F == 0x1F:
            raise Invalid("der.malformed", reason="long tag")
        if tag is not None and found != tag:
            raise Invalid("der.malformed", reason="unexpected tag", tag=found, expected=tag)
        body, size = start + 2, first
        if first >= 0x80:
            body, size = self._long_length(start, first & 0x7F)
        if size > len(data) - body:
            raise Invalid("der.malformed", reason="truncated")
        self._at = body + size
        return Element(found, data[body : body + size], data[start : body + size])

    def _long_length(self, start: int, octets: int) -> tuple[int, int]:
        body = start + 2 + octets
        if not 1 <= octets <= 4 or body > len(self._bytes):
            raise Invalid("der.malformed", reason="length")
        size = int.from_bytes(self._bytes[start + 2 : body], "big")
        if size < 0x80 or size.bit_length() <= 8 * (octets - 1):
            raise Invalid("der.malformed", reason="length is not minimal")
        return body, size

    def optional(self, tag: int) -> Element | None:
        """Return the next element when it carries `tag`, else None and stay."""
        return self.element(tag) if self.next_tag() == tag else None

    def integer(self) -> int:
        """Return the next INTEGER, which must not be negative."""
        content = self.element(INTEGER).content
        if not content or content[0] >= 0x80:
            raise Invalid("der.malformed", reason="integer")
        return int.from_bytes(content, "big")

    def end(self) -> None:
        """Refuse bytes that are left over."""
        if self:
            raise Invalid("der.malformed", reason="trailing bytes")


def content_at(encoded: bytes) -> int:
    """Return where the content of the one element that `encoded` is begins.

    Raises:
        Invalid: `der.malformed`; the length is not that of all the bytes.
    """
    if len(encoded) < 2:
        raise Invalid("der.malformed", reason="truncated")
    size, start = encoded[1], 2
    if size >= 0x80:
        start += size & 0x7F
        size = int.from_bytes(encoded[2:start], "big")
    if start + size != len(encoded):
        raise Invalid("der.malformed", reason="length")
    return start


def only(encoded: bytes, tag: int, *, limit: int) -> Reader:
    """Return a reader over the one element that `encoded` must be, of `limit` octets at most."""
    if len(encoded) > limit:
        raise Invalid("der.malformed", reason="too large", limit=limit)
    outer = Reader(encoded)
    element = outer.element(tag)
    outer.end()
    return element.children()
