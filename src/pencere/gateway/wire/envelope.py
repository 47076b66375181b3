"""The envelope between nodes: head, body, and evidence as sections. docs/specs/node-link.md.

The bytes that were signed travel as they are, so nothing between two nodes can change how
they read. A section is `type (1 byte), length (4 bytes, big endian), bytes`.
"""

import struct
from dataclasses import dataclass

MAGIC = b"PX1\n"
_HEAD, _BODY, _EVIDENCE = 1, 2, 3
_SECTION = struct.Struct(">BI")
MEDIA_TYPE = b"application/vnd.pencere.exchange"


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message. `body` is empty when there is none: there is no empty body section."""

    head: bytes
    body: bytes
    evidence: bytes


def pack(envelope: Envelope) -> bytes:
    """Return the bytes of an envelope."""
    parts = [MAGIC, _SECTION.pack(_HEAD, len(envelope.head)), envelope.head]
    if envelope.body:
        parts += [_SECTION.pack(_BODY, len(envelope.body)), envelope.body]
    parts += [_SECTION.pack(_EVIDENCE, len(envelope.evidence)), envelope.evidence]
    return b"".join(parts)


def unpack(data: bytes) -> Envelope:
    """Return the envelope; ValueError unless `data` is exactly one, sections in order."""
    if not data.startswith(MAGIC):
        raise ValueError("not an envelope")
    found: dict[int, bytes] = {}
    at, last = len(MAGIC), 0
    while at < len(data):
        if at + _SECTION.size > len(data):
            raise ValueError("a section header is cut")
        kind, length = _SECTION.unpack_from(data, at)
        at += _SECTION.size
        if kind <= last or kind > _EVIDENCE:
            raise ValueError("sections are unknown, repeated, or out of order")
        if at + length > len(data) or (kind == _BODY and not length):
            raise ValueError("a section is cut or empty")
        found[kind] = data[at : at + length]
        at, last = at + length, kind
    if _HEAD not in found or _EVIDENCE not in found:
        raise ValueError("a head and evidence are needed")
    return Envelope(found[_HEAD], found.get(_BODY, b""), found[_EVIDENCE])
