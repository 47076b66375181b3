"""Reading ASN.1 that others wrote: definite and indefinite lengths, within limits.

Our own files are DER, read by `trust.der`; signatures made elsewhere are often BER outside of
what is signed. Every element keeps the bytes it came in, since digests are over those.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from pencere.kernel.errors import Invalid

DEEPEST = 24
MOST_CHILDREN = 20_000


@dataclass(frozen=True, slots=True)
class Node:
    """One element: `tag` is its first octet, `content` and `encoded` as `der.Element`."""

    tag: int
    content: bytes
    encoded: bytes

    def children(self) -> list["Node"]:
        """Return the elements within a constructed one."""
        if not self.tag & 0x20:
            raise malformed("primitive")
        return _all(self.content)

    def octets(self) -> bytes:
        """Return what an OCTET STRING holds, in one piece or in several."""
        if not self.tag & 0x20:
            return self.content
        return b"".join(piece.octets() for piece in self.children())

    def oid(self) -> str:
        """Return an OBJECT IDENTIFIER as text."""
        if self.tag != 0x06 or not self.content or self.content[-1] & 0x80:
            raise malformed("object identifier")
        arcs, value = [], 0
        for octet in self.content:
            value = value << 7 | octet & 0x7F
            if value.bit_length() > 128:
                raise malformed("object identifier")
            if not octet & 0x80:
                arcs.append(value)
                value = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))

    def integer(self) -> int:
        """Return an INTEGER."""
        if self.tag != 0x02 or not 1 <= len(self.content) <= 64:
            raise malformed("integer")
        return int.from_bytes(self.content, "big", signed=True)

    def time(self) -> datetime:
        """Return a UTCTime or GeneralizedTime in UTC; fractions are cut off."""
        try:
            text = self.content.decode("ascii")
            if self.tag == 0x17 and len(text) == 13 and text.endswith("Z"):
                century = "19" if text[:2] >= "50" else "20"
                return _instant(century + text[:-1])
            if self.tag == 0x18 and text.endswith("Z"):
                return _instant(text[:-1].partition(".")[0])
        except ValueError as error:
            raise malformed("time") from error
        raise malformed("time")


def malformed(reason: str) -> Invalid:
    """Return the error for bytes that are not what they should be."""
    return Invalid("format.damaged", reason=reason)


def parse(encoded: bytes) -> Node:
    """Return the one element that `encoded` is."""
    node, end = _element(encoded, 0, 0)
    if end != len(encoded):
        raise malformed("trailing bytes")
    return node


def expect(nodes: list[Node], *tags: int) -> list[Node]:
    """Return the first nodes, which must carry exactly these tags."""
    if [node.tag for node in nodes[: len(tags)]] != list(tags):
        raise malformed("unexpected element")
    return nodes[: len(tags)]


def _instant(digits: str) -> datetime:
    if len(digits) != 14 or not digits.isdigit():
        raise ValueError(digits)
    # strptime would follow the locale, and is slow.
    parts = (int(digits[:4]), *(int(digits[at : at + 2]) for at in range(4, 14, 2)))
    return datetime(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], tzinfo=UTC)


def _all(content: bytes) -> list[Node]:
    found, at = [], 0
    while at < len(content):
        node, at = _element(content, at, 0)
        found.append(node)
        if len(found) > MOST_CHILDREN:
            raise malformed("too many elements")
    return found


def _element(data: bytes, start: int, depth: int) -> tuple[Node, int]:
    if len(data) - start < 2 or depth > DEEPEST:
        raise malformed("truncated")
    tag, first = data[start], data[start + 1]
    if tag & 0x1F == 0x1F:
        raise malformed("long tag")
    body = start + 2
    if first == 0x80:
        return _indefinite(data, start, tag, depth)
    size = first
    if first > 0x80:
        octets = first & 0x7F
        if octets > 5 or body + octets > len(data):
            raise malformed("length")
        size = int.from_bytes(data[body : body + octets], "big")
        body += octets
    end = body + size
    if end > len(data):
        raise malformed("truncated")
    return Node(tag, data[body:end], data[start:end]), end


def _indefinite(data: bytes, start: int, tag: int, depth: int) -> tuple[Node, int]:
    if not tag & 0x20:
        raise malformed("length")
    at = start + 2
    while data[at : at + 2] != b"\0\0":
        _, at = _element(data, at, depth + 1)
    return Node(tag, data[start + 2 : at], data[start : at + 2]), at + 2
