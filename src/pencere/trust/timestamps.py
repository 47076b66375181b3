"""Time-stamp tokens. RFC 3161, RFC 5816, policy of EN 319 421 (best practices).

A token is assembled from DER parts that are made once, so that it costs little more than its
signature. The service refuses rather than lie: when the clock shows less than it has shown
before, no token is made until it has caught up.
"""

import hashlib
import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.serialization import Encoding

from pencere.kernel.clock import Clock
from pencere.kernel.errors import Invalid, Unavailable
from pencere.trust import cms, der
from pencere.trust.signers import Signer

LARGEST_REQUEST = 8_192

# RFC 3161 section 2.4.2, PKIFailureInfo
BAD_ALGORITHM, BAD_REQUEST, BAD_FORMAT = 0, 2, 5
TIME_NOT_AVAILABLE, UNACCEPTED_POLICY, UNACCEPTED_EXTENSION, SYSTEM_FAILURE = 14, 15, 16, 25

_SHA256 = der.object_identifier("2.16.840.1.101.3.4.2.1")
_DIGEST_SIZES = {
    _SHA256: 32,
    der.object_identifier("2.16.840.1.101.3.4.2.2"): 48,
    der.object_identifier("2.16.840.1.101.3.4.2.3"): 64,
    der.object_identifier("2.16.840.1.101.3.4.2.8"): 32,
    der.object_identifier("2.16.840.1.101.3.4.2.10"): 64,
}
_TST_INFO = der.object_identifier("1.2.840.113549.1.9.16.1.4")
_SIGNED_DATA = der.object_identifier("1.2.840.113549.1.7.2")
_ONE, _THREE = der.integer(1), der.integer(3)
_ACCURACY = der.sequence(der.integer(1))  # one second
_GRANTED = der.sequence(der.integer(0))


class Rejected(Invalid):
    """A request that gets no token; `failure` is its PKIFailureInfo bit."""

    def __init__(self, failure: int, reason: str) -> None:
        super().__init__("timestamp.rejected", reason=reason)
        self.failure = failure


@dataclass(frozen=True)
class Asked:
    """A parsed request. `imprint` and `nonce` are kept in the bytes they came in."""

    imprint: bytes
    policy: bytes | None
    nonce: bytes
    wants_certificate: bool


def parse_request(encoded: bytes) -> Asked:
    """Read a TimeStampReq.

    Raises:
        Rejected: with the failure to answer.
    """
    try:
        request = der.only(encoded, der.SEQUENCE, limit=LARGEST_REQUEST)
        version = request.integer()
        imprint = request.element(der.SEQUENCE)
        policy = request.optional(der.OBJECT_IDENTIFIER)
        nonce = request.optional(der.INTEGER)
        certificate = request.optional(der.BOOLEAN)
        extensions = request.optional(0xA0)
        request.end()
        parts = imprint.children()
        algorithm = parts.element(der.SEQUENCE).children().element(der.OBJECT_IDENTIFIER).encoded
        digest = parts.element(der.OCTET_STRING).content
        parts.end()
    except Rejected:
        raise
    except Invalid as error:
        raise Rejected(BAD_FORMAT, "not a TimeStampReq") from error
    if version != 1:
        raise Rejected(BAD_REQUEST, "version")
    if algorithm not in _DIGEST_SIZES:
        raise Rejected(BAD_ALGORITHM, "digest algorithm")
    if len(digest) != _DIGEST_SIZES[algorithm]:
        raise Rejected(BAD_FORMAT, "digest length")
    if extensions is not None:
        raise Rejected(UNACCEPTED_EXTENSION, "extension")
    return Asked(
        imprint.encoded,
        policy.encoded if policy else None,
        nonce.encoded if nonce else b"",
        wants_certificate=certificate is not None and certificate.content != b"\x00",
    )


class SteadyClock:
    """A clock that refuses to have gone backwards.

    `mark` is the latest instant on record when the service started. `tolerance` covers the
    steering of the machine's clock by NTP.

    Raises:
        Unavailable: `clock.backwards`.
    """

    def __init__(
        self, clock: Clock, mark: datetime | None, tolerance: timedelta = timedelta(seconds=1)
    ) -> None:
        self._clock = clock
        self._tolerance = tolerance
        self._lock = threading.Lock()
        self.mark = mark or datetime(1970, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """Return an instant that is not before any instant returned earlier."""
        with self._lock:
            shown = self._clock.now()
            if shown < self.mark - self._tolerance:
                raise Unavailable("clock.backwards", behind_s=(self.mark - shown).total_seconds())
            self.mark = max(self.mark, shown)
            return self.mark


class TimeStampUnit:
    """One key that signs time-stamp tokens under one policy."""

    def __init__(self, signer: Signer, policy: str, clock: SteadyClock) -> None:
        self._signer = signer
        self._clock = clock
        self._policy = der.object_identifier(policy)
        certificate = signer.certificate
        encoded = certificate.public_bytes(Encoding.DER)
        algorithm = signer.hash_algorithm.name
        if algorithm != "sha256":
            raise Invalid("timestamp.curve", algorithm=algorithm)
        self._digest_algorithm = der.sequence(_SHA256)
        self._signature_algorithm = signer.algorithm.identifier
        self._sid = cms.issuer_and_serial(certificate)
        chain = [one.public_bytes(Encoding.DER) for one in signer.chain]
        self._certificates = der.context(0, b"".join(sorted([encoded, *chain])))
        self._content_type = cms.attribute("1.2.840.113549.1.9.3", _TST_INFO)
        self._signing_certificate = cms.attribute(
            "1.2.840.113549.1.9.16.2.47", cms.signing_certificate_v2(certificate)
        )

    def respond(self, encoded: bytes) -> bytes:
        """Return a TimeStampResp for whatever came as a request."""
        try:
            return der.sequence(_GRANTED, self.token(parse_request(encoded)))
        except Rejected as error:
            return _refusal(error.failure, str(error.facts["reason"]))
        except Unavailable:
            return _refusal(TIME_NOT_AVAILABLE, "the clock is not trusted at the moment")

    def token(self, asked: Asked) -> bytes:
        """Return a TimeStampToken (CMS SignedData over a TSTInfo)."""
        if asked.policy not in (None, self._policy):
            raise Rejected(UNACCEPTED_POLICY, "policy")
        info = der.sequence(
            _ONE,
            self._policy,
            asked.imprint,
            der.integer(secrets.randbits(127)),
            der.generalized_time(self._clock.now()),
            _ACCURACY,
            asked.nonce,
        )
        attributes = b"".join(
            sorted(
                (
                    self._content_type,
                    self._signing_certificate,
                    cms.attribute(
                        "1.2.840.113549.1.9.4", der.octet_string(hashlib.sha256(info).digest())
                    ),
                )
            )
        )
        signer_info = der.sequence(
            _ONE,
            self._sid,
            self._digest_algorithm,
            der.context(0, attributes),
            self._signature_algorithm,
            der.octet_string(self._signer.sign(der.tlv(der.SET, attributes))),
        )
        signed_data = der.sequence(
            _THREE,
            der.tlv(der.SET, self._digest_algorithm),
            der.sequence(_TST_INFO, der.context(0, der.octet_string(info))),
            self._certificates if asked.wants_certificate else b"",
            der.tlv(der.SET, signer_info),
        )
        return der.sequence(_SIGNED_DATA, der.context(0, signed_data))


def _refusal(failure: int, reason: str) -> bytes:
    return der.sequence(
        der.sequence(der.integer(2), der.sequence(der.utf8(reason)), der.named_bit(failure))
    )


def request(digest: bytes, *, nonce: int) -> bytes:
    """Return a TimeStampReq for a SHA-256 digest that asks for the certificate."""
    imprint = der.sequence(der.sequence(_SHA256), der.octet_string(digest))
    return der.sequence(_ONE, imprint, der.integer(nonce), der.boolean(value=True))
