"""The envelope between nodes: head, body, and evidence as sections. docs/specs/node-link.md.

The bytes that were signed travel as they are, so nothing between two nodes can change how
they read. A section is `type (1 byte), length (4 bytes, big endian), bytes`.
"""

import struct
from typing import NamedTuple

from pencere.kernel.http.body import Body, Stream

MAGIC = b"PX1\n"
_HEAD, _BODY, _EVIDENCE = 1, 2, 3
_SECTION = struct.Struct(">BI")
_SECTION_BYTES = _SECTION.size
MEDIA_TYPE = b"application/vnd.pencere.exchange"
# What is not the body of a large envelope is read into memory.
_LARGEST_PART = 256 * 1024


class Envelope(NamedTuple):
    """One message. `body` is empty when there is none: there is no empty body section."""

    head: bytes
    body: bytes | Body
    evidence: bytes


def pack(envelope: Envelope) -> bytes | Stream:
    """Return the bytes of an envelope; a stream when its body is not in memory."""
    if not isinstance(envelope.body, bytes):
        return _stream(envelope, envelope.body)
    parts = [MAGIC, _SECTION.pack(_HEAD, len(envelope.head)), envelope.head]
    if envelope.body:
        parts += [_SECTION.pack(_BODY, len(envelope.body)), envelope.body]
    parts += [_SECTION.pack(_EVIDENCE, len(envelope.evidence)), envelope.evidence]
    return b"".join(parts)


def _stream(envelope: Envelope, body: Body) -> Stream:
    head, proof = envelope.head, envelope.evidence
    return Stream(
        [
            MAGIC + _SECTION.pack(_HEAD, len(head)) + head + _SECTION.pack(_BODY, len(body)),
            body,
            _SECTION.pack(_EVIDENCE, len(proof)) + proof,
        ]
    )


def body_span(begun: bytes) -> tuple[int, int | None]:
    """Return where the body section of a large envelope lies, for the digest of its bytes.

    `begun` is how it begins, with the whole head. What is not an envelope has an empty span; then
    `unpack` refuses it.
    """
    at = len(MAGIC)
    if not begun.startswith(MAGIC) or len(begun) < at + _SECTION_BYTES:
        return 0, 0
    kind, length = _SECTION.unpack_from(begun, at)
    at += _SECTION_BYTES + length
    if kind != _HEAD or length > _LARGEST_PART or len(begun) < at + _SECTION_BYTES:
        return 0, 0
    kind, length = _SECTION.unpack_from(begun, at)
    return (at + _SECTION_BYTES, length) if kind == _BODY else (0, 0)


def _unpack_large(data: Body) -> Envelope:
    """Read head and evidence of an envelope in a file; its digest is that of the body section."""
    start, length = body_span(data.read(0, _LARGEST_PART + 4 * _SECTION_BYTES))
    end = start + (length or 0)
    rest = len(data) - end
    if not length or not _SECTION_BYTES < rest <= _LARGEST_PART:
        raise ValueError("a section is cut, empty, or out of order")
    # The rules for small ones say the rest: the same envelope with a body of one byte.
    head = data.read(0, start - _SECTION_BYTES) + _SECTION.pack(_BODY, 1) + b"-"
    small = unpack(head + data.read(end, rest))
    return small._replace(body=data.part(start, length, data.digest))


def unpack(data: bytes | Body) -> Envelope:
    """Return the envelope; ValueError unless `data` is exactly one, sections in order."""
    if not isinstance(data, bytes):
        return _unpack_large(data)
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
