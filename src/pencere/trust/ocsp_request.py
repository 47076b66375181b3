"""Requests for status: read strictly, and quickly when the same shape comes again.

RFC 6960 section 4.1; nonce of RFC 9654. Most callers send requests that differ in serial number
and nonce only. A shape that was read in full once is compared as bytes from then on.
"""

from typing import NamedTuple

from pencere.kernel.errors import Invalid
from pencere.trust import der

LARGEST_REQUEST = 16_384
MOST_CERTIFICATES = 20

_NONCE = der.object_identifier("1.3.6.1.5.5.7.48.1.2")
HASHES = {
    der.object_identifier(oid): name
    for oid, name in {
        "1.3.14.3.2.26": "sha1",
        "2.16.840.1.101.3.4.2.1": "sha256",
        "2.16.840.1.101.3.4.2.2": "sha384",
        "2.16.840.1.101.3.4.2.3": "sha512",
    }.items()
}


class Asked(NamedTuple):
    """One certificate asked about; `encoded` is its CertID as it came."""

    encoded: bytes
    issuer: tuple[bytes, bytes, bytes]
    serial: int


class Question(NamedTuple):
    """A parsed request. `nonce` is the whole extension value as it came, or None."""

    asked: tuple[Asked, ...]
    nonce: bytes | None


def parse_request(encoded: bytes) -> Question:
    """Read an OCSPRequest.

    Raises:
        Invalid: `der.malformed` or `ocsp.malformed`.
    """
    request = der.only(encoded, der.SEQUENCE, limit=LARGEST_REQUEST)
    body = request.element(der.SEQUENCE).children()
    request.optional(0xA0)  # a signature of the asker proves nothing that we ask for
    request.end()
    if version := body.optional(0xA0):
        inner = version.children()
        if inner.integer() != 0:
            raise Invalid("ocsp.malformed", reason="version")
        inner.end()
    body.optional(0xA1)  # who asks does not matter
    requests = list(body.element(der.SEQUENCE).children())
    if not 1 <= len(requests) <= MOST_CERTIFICATES:
        raise Invalid("ocsp.malformed", reason="count")
    asked = tuple(_asked(one) for one in requests)
    extensions = body.optional(0xA2)
    body.end()
    return Question(asked, _nonce(extensions) if extensions else None)


def _asked(request: der.Element) -> Asked:
    outer = der.Reader(request.content) if request.tag == der.SEQUENCE else der.Reader(b"")
    cert_id = outer.element(der.SEQUENCE)
    if extensions := outer.optional(0xA0):
        _refuse_critical(extensions)
    outer.end()
    reader = cert_id.children()
    algorithm = reader.element(der.SEQUENCE).children().element(der.OBJECT_IDENTIFIER).encoded
    name = reader.element(der.OCTET_STRING).content
    key = reader.element(der.OCTET_STRING).content
    serial = reader.integer()
    reader.end()
    return Asked(cert_id.encoded, (algorithm, name, key), serial)


def _nonce(extensions: der.Element) -> bytes | None:
    nonce = None
    for oid, value, is_critical in _extensions(extensions):
        if oid == _NONCE:
            inner = der.Reader(value)
            size = len(inner.element(der.OCTET_STRING).content)
            inner.end()
            if nonce is not None or not 1 <= size <= 128:  # RFC 9654 section 2.1
                raise Invalid("ocsp.malformed", reason="nonce")
            nonce = value
        elif is_critical:
            raise Invalid("ocsp.malformed", reason="critical extension")
    return nonce


def _refuse_critical(extensions: der.Element) -> None:
    if any(is_critical for _, _, is_critical in _extensions(extensions)):
        raise Invalid("ocsp.malformed", reason="critical extension")


def _extensions(outer: der.Element) -> list[tuple[bytes, bytes, bool]]:
    found = []
    list_of = outer.children()
    for extension in list_of.element(der.SEQUENCE).children():
        reader = extension.children()
        oid = reader.element(der.OBJECT_IDENTIFIER).encoded
        critical = reader.optional(der.BOOLEAN)
        value = reader.element(der.OCTET_STRING).content
        reader.end()
        found.append((oid, value, critical is not None and critical.content != b"\x00"))
    list_of.end()
    return found


class _Shape(NamedTuple):
    """A request of one certificate, cut where serial number and nonce stand."""

    before: bytes
    serial: slice
    between: bytes
    middle: slice
    nonce: slice | None
    cert_id: slice
    issuer: tuple[bytes, bytes, bytes]


_SERIAL_SIZE = 16  # of every serial number that we give
_MOST_SHAPES = 128


class RequestReader:
    """Reads requests, remembering the shapes of those about certificates of `issuers`."""

    def __init__(self, issuers: frozenset[tuple[bytes, bytes, bytes]]) -> None:
        self._issuers = issuers
        self._shapes: dict[int, list[_Shape]] = {}
        self._count = 0

    def read(self, encoded: bytes) -> Question:
        """Return the question; raises as `parse_request`."""
        for shape in self._shapes.get(len(encoded), ()):
            if encoded.startswith(shape.before) and encoded[shape.middle] == shape.between:
                serial = encoded[shape.serial]
                # 0x40..0x7f: positive, minimal, and as large as ours are.
                if 0x40 <= serial[0] < 0x80:
                    asked = Asked(
                        encoded[shape.cert_id], shape.issuer, int.from_bytes(serial, "big")
                    )
                    nonce = None if shape.nonce is None else encoded[shape.nonce]
                    return Question((asked,), nonce)
        question = parse_request(encoded)
        self._learn(encoded, question)
        return question

    def _learn(self, encoded: bytes, question: Question) -> None:
        if len(question.asked) != 1:
            return
        one, nonce = question.asked[0], question.nonce
        if one.issuer not in self._issuers or one.serial.bit_length() != _SERIAL_SIZE * 8 - 1:
            return
        # The serial number ends its CertID; the bytes of a nonce end the request.
        start = encoded.index(one.encoded)
        end = start + len(one.encoded)
        serial = slice(end - _SERIAL_SIZE, end)
        if nonce is None:
            middle, value = slice(end, len(encoded)), None
        else:
            if not encoded.endswith(nonce):
                return
            # Tag and length of the OCTET STRING within belong to the shape.
            head = 2 if len(nonce) < 0x82 else 3
            middle = slice(end, len(encoded) - len(nonce) + head)
            value = slice(len(encoded) - len(nonce), len(encoded))
        shape = _Shape(
            encoded[: serial.start], serial, encoded[middle], middle, value,
            slice(start, end), one.issuer,
        )  # fmt: skip
        if self._count >= _MOST_SHAPES:
            self._shapes.clear()
            self._count = 0
        self._shapes.setdefault(len(encoded), []).append(shape)
        self._count += 1
