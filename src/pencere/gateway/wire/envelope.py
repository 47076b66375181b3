"""The envelope between nodes: head, body, and evidence as sections. docs/specs/node-link.md.

The bytes that were signed travel as they are, so nothing between two nodes can change how
they read. A section is `type (1 byte), length (4 bytes, big endian), bytes`.
"""

import struct
from typing import NamedTuple

MAGIC = b"PX1\n"
_HEAD, _BODY, _EVIDENCE = 1, 2, 3
_SECTION = struct.Struct(">BI")
_SECTION_BYTES = _SECTION.size
MEDIA_TYPE = b"application/vnd.pencere.exchange"


class Envelope(NamedTuple):
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
    head = body = evidence = b""
    at, last, end = len(MAGIC), 0, len(data)
    while at < end:
        if at + _SECTION_BYTES > end:
            raise ValueError("a section header is cut")
        kind, length = _SECTION.unpack_from(data, at)
        at += _SECTION_BYTES
        if kind <= last or kind > _EVIDENCE:
            raise ValueError("sections are unknown, repeated, or out of order")
        if at + length > end or not length:
            raise ValueError("a section is cut or empty")
        content = data[at : at + length]
        if kind == _HEAD:
            head = content
        elif kind == _BODY:
            body = content
        else:
            evidence = content
        at, last = at + length, kind
    if not head or not evidence:
        raise ValueError("a head and evidence are needed")
    return Envelope(head, body, evidence)
