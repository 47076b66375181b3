"""Time-stamp tokens. RFC 3161, RFC 5816, EN 319 421 and 319 422; docs/specs/time-stamping.md.

A token is assembled from DER parts that are made once, so that it costs little more than its
signature. The service refuses rather than lie: `steady_clock` says when there is no time to give.
"""

import hashlib
import logging
import secrets
import threading
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding

from pencere.kernel.errors import Invalid, PencereError, Unavailable
from pencere.trust import cms, der
from pencere.trust.signers import Signer
from pencere.trust.steady_clock import SteadyClock

log = logging.getLogger(__name__)

LARGEST_REQUEST = 8_192

# RFC 3161 section 2.4.2, PKIFailureInfo
BAD_ALGORITHM, BAD_REQUEST, BAD_FORMAT = 0, 2, 5
TIME_NOT_AVAILABLE, UNACCEPTED_POLICY, UNACCEPTED_EXTENSION, SYSTEM_FAILURE = 14, 15, 16, 25

_SHA256 = der.object_identifier("2.16.840.1.101.3.4.2.1")
_DIGESTS = {"sha256": _SHA256, "sha384": der.object_identifier("2.16.840.1.101.3.4.2.2")}
# What we stamp: SHA-2 and SHA-3 of 256 bits and more.
_DIGEST_SIZES = {
    _SHA256: 32,
    der.object_identifier("2.16.840.1.101.3.4.2.2"): 48,
    der.object_identifier("2.16.840.1.101.3.4.2.3"): 64,
    der.object_identifier("2.16.840.1.101.3.4.2.8"): 32,
    der.object_identifier("2.16.840.1.101.3.4.2.9"): 48,
    der.object_identifier("2.16.840.1.101.3.4.2.10"): 64,
}
_TST_INFO = der.object_identifier("1.2.840.113549.1.9.16.1.4")
_SIGNED_DATA = der.object_identifier("1.2.840.113549.1.7.2")
_ONE, _THREE = der.integer(1), der.integer(3)
_ACCURACY = der.sequence(der.integer(1))  # one second: EN 319 422 section 5.2.2
_ORDERED = der.boolean(value=True)
_GRANTED = der.sequence(der.integer(0))
_MICROSECOND = timedelta(microseconds=1)


class Rejected(Invalid):
    """A request that gets no token; `failure` is its PKIFailureInfo bit."""

    def __init__(self, failure: int, reason: str) -> None:
        super().__init__("timestamp.rejected", reason=reason)
        self.failure = failure


class Asked(NamedTuple):
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
        identifier = parts.element(der.SEQUENCE).children()
        algorithm = identifier.element(der.OBJECT_IDENTIFIER).encoded
        parameters = identifier.optional(der.NULL)
        identifier.end()
        digest = parts.element(der.OCTET_STRING).content
        parts.end()
    except Invalid as error:
        raise Rejected(BAD_FORMAT, "not a TimeStampReq") from error
    if version != 1:
        raise Rejected(BAD_REQUEST, "version")
    if algorithm not in _DIGEST_SIZES:
        raise Rejected(BAD_ALGORITHM, "digest algorithm")
    if len(digest) != _DIGEST_SIZES[algorithm] or (parameters and parameters.content):
        raise Rejected(BAD_FORMAT, "digest length")
    if nonce is not None and not 1 <= len(nonce.content) <= 128:
        raise Rejected(BAD_FORMAT, "nonce")
    if certificate is not None and certificate.content not in (b"\x00", b"\xff"):
        raise Rejected(BAD_FORMAT, "certReq")
    if extensions is not None:
        raise Rejected(UNACCEPTED_EXTENSION, "extension")
    return Asked(
        imprint.encoded,
        policy.encoded if policy else None,
        nonce.encoded if nonce else b"",
        wants_certificate=certificate is not None and certificate.content != b"\x00",
    )


class _Cut(NamedTuple):
    """A request that was read in full, cut where digest and nonce stand."""

    imprint: slice
    digest: slice
    nonce: slice
    before: bytes
    between: bytes
    after: bytes
    policy: bytes | None
    wants_certificate: bool


class RequestReader:
    """Reads requests, remembering the shapes that came before; see `ocsp_request`."""

    def __init__(self) -> None:
        self._cuts: dict[int, list[_Cut]] = {}
        self._count = 0

    def read(self, encoded: bytes) -> Asked:
        """Return what is asked; raises as `parse_request`."""
        for cut in self._cuts.get(len(encoded), ()):
            if (
                encoded.startswith(cut.before)
                and encoded[cut.digest.stop : cut.nonce.start] == cut.between
                and encoded.endswith(cut.after)
            ):
                return Asked(
                    encoded[cut.imprint],
                    cut.policy,
                    # Tag and length are of the shape, before.
                    encoded[cut.nonce.start - 2 : cut.nonce.stop] if cut.nonce.stop else b"",
                    cut.wants_certificate,
                )
        asked = parse_request(encoded)
        self._learn(encoded, asked)
        return asked

    def _learn(self, encoded: bytes, asked: Asked) -> None:
        imprint = encoded.index(asked.imprint)
        end = imprint + len(asked.imprint)
        digest = slice(end - _digest_size(asked.imprint), end)
        if asked.nonce:
            start = end + len(asked.policy or b"")
            nonce = slice(start + 2, start + len(asked.nonce))
            between, after = encoded[end : start + 2], encoded[nonce.stop :]
            if encoded[start : nonce.stop] != asked.nonce:
                return
        else:
            nonce, between, after = slice(end, 0), b"", encoded[end:]
        if self._count >= 128:
            self._cuts.clear()
            self._count = 0
        cut = _Cut(
            slice(imprint, end), digest, nonce, encoded[: digest.start], between, after,
            asked.policy, asked.wants_certificate,
        )  # fmt: skip
        self._cuts.setdefault(len(encoded), []).append(cut)
        self._count += 1


class TimeStampUnit:
    """One key that signs time-stamp tokens under one policy.

    `run` is a number that no other start of the service has: serial numbers begin with it.
    `is_ordered` promises that tokens can be ordered by their times alone; the unit then must be
    the only one of its name. EN 319 422 wants no such promise, so it is off.
    """

    def __init__(
        self,
        signer: Signer,
        policy: str,
        clock: SteadyClock,
        *,
        run: int = 0,
        is_ordered: bool = False,
    ) -> None:
        self.signer = signer
        self._clock = clock
        self._reader = RequestReader()
        self._policy = der.object_identifier(policy)
        certificate = signer.certificate
        self._valid_from = certificate.not_valid_before_utc
        self._valid_until = certificate.not_valid_after_utc
        encoded = certificate.public_bytes(Encoding.DER)
        self._hash = signer.hash_algorithm.name
        if self._hash not in _DIGESTS:
            raise Invalid("timestamp.curve", algorithm=self._hash)
        self._digest_algorithm = der.sequence(_DIGESTS[self._hash])
        self._signature_algorithm = signer.algorithm.identifier
        self._sid = cms.issuer_and_serial(certificate)
        chain = [one.public_bytes(Encoding.DER) for one in signer.chain]
        self._certificates = der.context(0, b"".join(sorted([encoded, *chain])))
        self._content_type = cms.attribute("1.2.840.113549.1.9.3", _TST_INFO)
        self._signing_certificate = cms.attribute(
            "1.2.840.113549.1.9.16.2.47", cms.signing_certificate_v2(certificate)
        )
        self._start = _ONE + self._policy
        self._end = _ACCURACY + (_ORDERED if is_ordered else b"")
        self._is_ordered = is_ordered
        self._lock = threading.Lock()
        self._last = datetime(1970, 1, 1, tzinfo=UTC)
        self._second, self._second_text = self._last, ""
        self._layouts: dict[tuple[int, int, bool], tuple[bytes, ...]] = {}
        self._attributes = self._cut_attributes()
        self.run(run)

    def run(self, number: int) -> None:
        """Begin serial numbers anew: the run, 64 random bits, a counter; 159 bits in all.

        The number makes them unique over restarts, chance over a database put back in time.
        """
        with self._lock:
            run = number % (1 << 30)
            self._serial = (run << 64 | secrets.randbits(64)) << 64 | 1 << 158

    def respond(self, encoded: bytes) -> bytes:
        """Return a TimeStampResp for whatever came as a request."""
        try:
            return self._make(self._reader.read(encoded), is_bare=False)
        except Rejected as error:
            return _refusal(error.failure, str(error.facts["reason"]))
        except Unavailable as error:
            if error.code.startswith("clock."):
                return _refusal(TIME_NOT_AVAILABLE, "the clock is not trusted at the moment")
            log.warning("timestamp_not_signed error=%s", error.code)
            return _refusal(SYSTEM_FAILURE, "the key does not answer at the moment")
        except PencereError as error:
            log.exception("timestamp_not_signed error=%s", error.code)
            return _refusal(SYSTEM_FAILURE, "no token can be made")

    def token(self, asked: Asked) -> bytes:
        """Return a TimeStampToken (CMS SignedData over a TSTInfo).

        Raises:
            Rejected: another policy is asked for, or the certificate of the unit is over.
            Unavailable: `clock.*`, or what the signer raises.
        """
        return self._make(asked, is_bare=True)

    def _make(self, asked: Asked, *, is_bare: bool) -> bytes:
        if asked.policy is not None and asked.policy != self._policy:
            raise Rejected(UNACCEPTED_POLICY, "policy")
        with self._lock:
            now = self._clock.now()
            if self._is_ordered:
                now = self._last = max(now, self._last + _MICROSECOND)
            self._serial += 1
            serial = self._serial.to_bytes(20, "big")
            time = self._generalized_time(now)
        if not self._valid_from <= now <= self._valid_until:
            raise Rejected(SYSTEM_FAILURE, "the certificate of the service is not in force")
        info = der.sequence(
            self._start, asked.imprint, b"\x02\x14", serial, time, self._end, asked.nonce
        )
        before, after = self._attributes
        digest = hashlib.new(self._hash, info).digest()
        signature = self.signer.sign(b"".join((before, digest, after)))
        layout = self._layout(len(info), len(signature), asked.wants_certificate)
        head, bare, second, third = layout
        start = bare if is_bare else head
        return b"".join((start, info, second, digest, third, signature))

    def _generalized_time(self, now: datetime) -> bytes:
        """Return the time with milliseconds, as DER writes a fraction: without zeros at its end.

        Ordered tokens need all the microseconds that there are.
        """
        second = now.replace(microsecond=0)
        if second != self._second:
            self._second, self._second_text = second, now.strftime("%Y%m%d%H%M%S")
        digits = now.microsecond if self._is_ordered else now.microsecond // 1000 * 1000
        fraction = f".{digits:06}".rstrip("0") if digits else ""
        return der.tlv(der.GENERALIZED_TIME, f"{self._second_text}{fraction}Z".encode())

    def _all_attributes(self, digest: bytes) -> bytes:
        return b"".join(
            sorted(
                (
                    self._content_type,
                    self._signing_certificate,
                    cms.attribute("1.2.840.113549.1.9.4", der.octet_string(digest)),
                )
            )
        )

    def _cut_attributes(self) -> tuple[bytes, bytes]:
        """Return what is signed, before and after the digest."""
        digest = secrets.token_bytes(hashlib.new(self._hash).digest_size)
        whole = der.tlv(der.SET, self._all_attributes(digest))
        at = whole.index(digest)
        return whole[:at], whole[at + len(digest) :]

    def _layout(
        self, info_size: int, signature_size: int, wants_certificate: bool
    ) -> tuple[bytes, ...]:
        """Return the bytes between TSTInfo, its digest and the signature, all of these sizes."""
        key = info_size, signature_size, wants_certificate
        found = self._layouts.get(key)
        if found is None:
            if len(self._layouts) > 512:
                self._layouts.clear()
            info, signature = secrets.token_bytes(info_size), secrets.token_bytes(signature_size)
            digest = secrets.token_bytes(hashlib.new(self._hash).digest_size)
            token = self._assemble(info, digest, signature, wants_certificate=wants_certificate)
            bare, rest = token.split(info)
            second, rest = rest.split(digest)
            third, _ = rest.split(signature)
            whole = der.sequence(_GRANTED, token)
            head = whole[: len(whole) - len(token)] + bare
            found = self._layouts[key] = (head, bare, second, third)
        return found

    def _assemble(
        self, info: bytes, digest: bytes, signature: bytes, *, wants_certificate: bool
    ) -> bytes:
        signer_info = der.sequence(
            _ONE,
            self._sid,
            self._digest_algorithm,
            der.context(0, self._all_attributes(digest)),
            self._signature_algorithm,
            der.octet_string(signature),
        )
        signed_data = der.sequence(
            _THREE,
            der.tlv(der.SET, self._digest_algorithm),
            der.sequence(_TST_INFO, der.context(0, der.octet_string(info))),
            self._certificates if wants_certificate else b"",
            der.tlv(der.SET, signer_info),
        )
        return der.sequence(_SIGNED_DATA, der.context(0, signed_data))


def _digest_size(imprint: bytes) -> int:
    parts = der.Reader(imprint).element(der.SEQUENCE).children()
    parts.element(der.SEQUENCE)
    return len(parts.element(der.OCTET_STRING).content)


def _refusal(failure: int, reason: str) -> bytes:
    return der.sequence(
        der.sequence(der.integer(2), der.sequence(der.utf8(reason)), der.named_bit(failure))
    )


def request(digest: bytes, *, nonce: int) -> bytes:
    """Return a TimeStampReq for a SHA-256 digest that asks for the certificate."""
    imprint = der.sequence(der.sequence(_SHA256), der.octet_string(digest))
    return der.sequence(_ONE, imprint, der.integer(nonce), der.boolean(value=True))
