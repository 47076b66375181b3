"""Answers about the status of certificates. RFC 6960, nonce of RFC 9654.

One delegated responder for each issuing authority. Every answer is signed when it is asked for,
from the row that the revocation wrote; the identifier of the certificate is given back in the
very hash it was asked in. A serial number we never used is unknown, and one that may have been
signed before a stop is revoked: neither is ever good.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pencere.kernel.errors import Invalid
from pencere.trust import der
from pencere.trust.contents import signature_algorithm
from pencere.trust.keystore import Signer
from pencere.trust.store import Status

LARGEST_REQUEST = 16_384
MOST_CERTIFICATES = 20
VALID_FOR = timedelta(minutes=10)

MALFORMED, INTERNAL_ERROR, TRY_LATER, UNAUTHORIZED = (
    der.sequence(der.enumerated(code)) for code in (1, 2, 3, 6)
)

_BASIC = der.object_identifier("1.3.6.1.5.5.7.48.1.1")
_NONCE = der.object_identifier("1.3.6.1.5.5.7.48.1.2")
_HASHES = {
    der.object_identifier(oid): name
    for oid, name in {
        "1.3.14.3.2.26": "sha1",
        "2.16.840.1.101.3.4.2.1": "sha256",
        "2.16.840.1.101.3.4.2.2": "sha384",
        "2.16.840.1.101.3.4.2.3": "sha512",
    }.items()
}
_GOOD = der.context(0, b"", constructed=False)
_UNKNOWN = der.context(2, b"", constructed=False)


@dataclass(frozen=True)
class Asked:
    """One certificate asked about; `encoded` is its CertID as it came."""

    encoded: bytes
    issuer: tuple[bytes, bytes, bytes]
    serial: int


@dataclass(frozen=True)
class Question:
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
    if version := body.optional(0xA0):
        inner = version.children()
        if inner.integer() != 0:
            raise Invalid("ocsp.malformed", reason="version")
    body.optional(0xA1)  # who asks does not matter
    asked = tuple(
        _asked(one.children().element(der.SEQUENCE))
        for one in body.element(der.SEQUENCE).children()
    )
    if not 1 <= len(asked) <= MOST_CERTIFICATES:
        raise Invalid("ocsp.malformed", reason="count")
    extensions = body.optional(0xA2)
    body.end()
    return Question(asked, _nonce(extensions) if extensions else None)


def _asked(cert_id: der.Element) -> Asked:
    reader = cert_id.children()
    algorithm = reader.element(der.SEQUENCE).children().element(der.OBJECT_IDENTIFIER).encoded
    name = reader.element(der.OCTET_STRING).content
    key = reader.element(der.OCTET_STRING).content
    serial = reader.integer()
    reader.end()
    return Asked(cert_id.encoded, (algorithm, name, key), serial)


def _nonce(extensions: der.Element) -> bytes | None:
    for extension in extensions.children().element(der.SEQUENCE).children():
        reader = extension.children()
        oid = reader.element(der.OBJECT_IDENTIFIER).encoded
        critical = reader.optional(der.BOOLEAN)
        value = reader.element(der.OCTET_STRING).content
        if oid == _NONCE:
            inner = der.Reader(value)
            size = len(inner.element(der.OCTET_STRING).content)
            inner.end()
            if not 1 <= size <= 128:  # RFC 9654 section 2.1
                raise Invalid("ocsp.malformed", reason="nonce")
            return value
        if critical and critical.content != b"\x00":
            raise Invalid("ocsp.malformed", reason="critical extension")
    return None


class Responder:
    """Answers for one issuing authority with a key delegated by it."""

    def __init__(self, issuer_name: str, issuer: x509.Certificate, signer: Signer) -> None:
        self.issuer_name = issuer_name
        self._signer = signer
        name = issuer.subject.public_bytes()
        key = _key_bits(issuer)
        self.identities = {
            (oid, hashlib.new(algorithm, name).digest(), hashlib.new(algorithm, key).digest())
            for oid, algorithm in _HASHES.items()
        }
        own_key = hashlib.sha1(_key_bits(signer.certificate), usedforsecurity=False).digest()
        self._responder_id = der.context(2, der.octet_string(own_key))
        curve = signer.public_key.curve.name
        self._algorithm = signature_algorithm(curve)
        certificate = signer.certificate.public_bytes(Encoding.DER)
        self._certificates = der.context(0, der.sequence(certificate))

    def answer(
        self, question: Question, status: Callable[[str, int], Status | None], *, at: datetime
    ) -> bytes:
        """Return a signed OCSPResponse; `status` looks a serial number of this issuer up."""
        this_update = der.generalized_time(at)
        next_update = der.context(0, der.generalized_time(at + VALID_FOR))
        singles = [
            der.sequence(
                one.encoded,
                _cert_status(status(self.issuer_name, one.serial)),
                this_update,
                next_update,
            )
            for one in question.asked
        ]
        extensions = b""
        if question.nonce is not None:
            nonce = der.sequence(_NONCE, der.octet_string(question.nonce))
            extensions = der.context(1, der.sequence(nonce))
        tbs = der.sequence(self._responder_id, this_update, der.sequence(*singles), extensions)
        basic = der.sequence(
            tbs, self._algorithm, der.bit_string(self._signer.sign(tbs)), self._certificates
        )
        body = der.context(0, der.sequence(_BASIC, der.octet_string(basic)))
        return der.sequence(der.enumerated(0), body)


class Responders:
    """All responders of the centre, found by the issuer a question names."""

    def __init__(self, responders: list[Responder]) -> None:
        self._by_identity: Mapping[tuple[bytes, bytes, bytes], Responder] = {
            identity: responder for responder in responders for identity in responder.identities
        }

    def answer(
        self, encoded: bytes, status: Callable[[str, int], Status | None], *, at: datetime
    ) -> bytes:
        """Return the DER of an OCSPResponse for the DER of a request, whatever it holds."""
        try:
            question = parse_request(encoded)
        except Invalid:
            return MALFORMED
        responders = {self._by_identity.get(one.issuer) for one in question.asked}
        responder = responders.pop()
        if responder is None or responders:
            return UNAUTHORIZED
        return responder.answer(question, status, at=at)


def _cert_status(status: Status | None) -> bytes:
    if status is None or status.state == "refused":
        return _UNKNOWN
    if status.revoked_at is not None:
        reason = der.context(0, der.enumerated(status.reason)) if status.reason else b""
        return der.context(1, der.generalized_time(status.revoked_at) + reason)
    if status.state != "issued":  # perhaps signed before a stop: see `issuance`
        return der.context(1, der.generalized_time(status.reserved_at))
    return _GOOD


def _key_bits(certificate: x509.Certificate) -> bytes:
    encoded = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    reader = der.only(encoded, der.SEQUENCE, limit=10_000)
    reader.element(der.SEQUENCE)
    return reader.element(der.BIT_STRING).content[1:]
