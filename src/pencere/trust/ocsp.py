"""Answers about the status of certificates. RFC 6960, nonce of RFC 9654; docs/specs/ocsp.md.

One delegated responder for each issuing authority. The identifier of the certificate is given
back in the very bytes it was asked in, whatever its hash. A serial number we never used is
revoked in the extended sense of RFC 6960 section 2.2, and one that may have been signed before a
stop is revoked: neither is ever good.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pencere.kernel.errors import Invalid
from pencere.trust import der
from pencere.trust.ocsp_request import HASHES, Question, parse_request
from pencere.trust.signers import Signer, SoftwareSigner
from pencere.trust.store import Status

# How long an answer holds: one signed for a nonce, and one that is signed ahead.
VALID_FOR = timedelta(minutes=10)
PRESIGNED_FOR = timedelta(hours=1)

MALFORMED, INTERNAL_ERROR, TRY_LATER, UNAUTHORIZED = (
    der.sequence(der.enumerated(code)) for code in (1, 2, 3, 6)
)

_BASIC = der.object_identifier("1.3.6.1.5.5.7.48.1.1")
_NONCE = der.object_identifier("1.3.6.1.5.5.7.48.1.2")
_INVALIDITY = der.object_identifier("2.5.29.24")
_ARCHIVE_CUTOFF = der.object_identifier("1.3.6.1.5.5.7.48.1.6")
_EXTENDED_REVOKE = der.sequence(
    der.object_identifier("1.3.6.1.5.5.7.48.1.9"), der.octet_string(der.NULL_VALUE)
)
_GOOD = der.context(0, b"", constructed=False)
_UNKNOWN = der.context(2, b"", constructed=False)
_HOLD = der.context(0, der.enumerated(6))
# RFC 6960 section 2.2: a certificate that was never issued is on hold since the epoch.
_NEVER_ISSUED = der.context(1, der.generalized_time(datetime(1970, 1, 1, tzinfo=UTC)) + _HOLD)


class Responder:
    """Answers for one issuing authority with a key delegated by it."""

    def __init__(self, issuer_name: str, issuer: x509.Certificate, signer: Signer) -> None:
        self.issuer_name = issuer_name
        self.signer = signer
        # A key in memory signs in less time than it takes to hand the work to a thread.
        self.is_quick = isinstance(signer, SoftwareSigner)
        name = issuer.subject.public_bytes()
        key = _key_bits(issuer)
        self.identities = {
            (oid, hashlib.new(algorithm, name).digest(), hashlib.new(algorithm, key).digest())
            for oid, algorithm in HASHES.items()
        }
        own_key = hashlib.sha1(_key_bits(signer.certificate), usedforsecurity=False).digest()
        self._responder_id = der.context(2, der.octet_string(own_key))
        self._algorithm = signer.algorithm.identifier
        certificate = signer.certificate.public_bytes(Encoding.DER)
        self._certificates = der.context(0, der.sequence(certificate))
        # EN 319 411-2 CSS-6.3.10: status is kept from the first day of the authority.
        cutoff = der.generalized_time(issuer.not_valid_before_utc)
        self._archive = der.sequence(_ARCHIVE_CUTOFF, der.octet_string(cutoff))
        self._good: dict[tuple[int, int, timedelta], _Template] = {}
        self._heads: dict[tuple[int, int], tuple[bytes, bytes]] = {}

    def answer(
        self,
        question: Question,
        statuses: Mapping[tuple[str, int], Status],
        *,
        at: datetime,
        valid_for: timedelta = VALID_FOR,
    ) -> bytes:
        """Return a signed OCSPResponse.

        `statuses` has what is known of the serial numbers of this issuer that are asked about;
        one that is not there was never used. A certificate of another issuer is unknown here.
        """
        if len(question.asked) == 1:
            one = question.asked[0]
            status = statuses.get((self.issuer_name, one.serial))
            if status is not None and status.state == "issued" and status.revoked_at is None:
                return self._sign(self._good_template(question, valid_for).fill(question, at))
        this_update = der.generalized_time(at)
        next_update = der.context(0, der.generalized_time(at + valid_for))
        is_extended = False
        singles = []
        for one in question.asked:
            extensions = [self._archive]
            if one.issuer not in self.identities:
                status_bytes, extensions = _UNKNOWN, []
            else:
                status = statuses.get((self.issuer_name, one.serial))
                if status is None or status.state == "refused":
                    status_bytes, extensions, is_extended = _NEVER_ISSUED, [], True
                else:
                    status_bytes = _cert_status(status)
                    if status.invalid_since is not None:
                        extensions.append(_invalid(status.invalid_since))
            last = der.context(1, der.sequence(*extensions)) if extensions else b""
            singles.append(der.sequence(one.encoded, status_bytes, this_update, next_update, last))
        parts = [] if question.nonce is None else [_nonce(question.nonce)]
        if is_extended:
            parts.append(_EXTENDED_REVOKE)
        return self._sign(
            der.sequence(
                self._responder_id,
                this_update,
                der.sequence(*singles),
                der.context(1, der.sequence(*parts)) if parts else b"",
            )
        )

    def _good_template(self, question: Question, valid_for: timedelta) -> "_Template":
        nonce = b"" if question.nonce is None else question.nonce
        key = len(question.asked[0].encoded), len(nonce), valid_for
        template = self._good.get(key)
        if template is None:
            if len(self._good) > 64:
                self._good.clear()
            template = _Template(self._responder_id, self._archive, *key)
            self._good[key] = template
        return template

    def _sign(self, tbs: bytes) -> bytes:
        signature = self.signer.sign(tbs)
        sizes = len(tbs), len(signature)
        found = self._heads.get(sizes)
        if found is None:
            if len(self._heads) > 512:
                self._heads.clear()
            found = self._heads[sizes] = self._around(*sizes)
        return b"".join((found[0], tbs, found[1], signature, self._certificates))

    def _around(self, tbs_size: int, signature_size: int) -> tuple[bytes, bytes]:
        """Return what stands before a TBS of that size, and between it and the signature."""
        signature = der.bit_string(bytes(signature_size))
        between = self._algorithm + signature[: len(signature) - signature_size]
        basic = der.sequence(bytes(tbs_size), between, bytes(signature_size), self._certificates)
        body = der.context(0, der.sequence(_BASIC, der.octet_string(basic)))
        whole = der.sequence(der.enumerated(0), body)
        inner = tbs_size + len(between) + signature_size + len(self._certificates)
        return whole[: len(whole) - inner], between


class _Template:
    """A TBS for one good certificate: what differs are identifier, times and nonce."""

    def __init__(
        self, responder_id: bytes, archive: bytes, asked: int, nonce: int, valid_for: timedelta
    ) -> None:
        epoch = datetime(2000, 1, 1, tzinfo=UTC)
        self._valid_for = valid_for
        self._until, self._since = epoch, epoch
        self._head = self._tail = b""
        now = der.generalized_time(epoch)
        self._archive = der.context(1, der.sequence(archive))
        single = bytes(asked) + _GOOD + now + der.context(0, now) + self._archive
        singles = der.sequence(der.sequence(single))
        self._singles = singles[: len(singles) - len(single)]
        self._extensions = b""
        if nonce:
            found = der.context(1, der.sequence(_nonce(bytes(nonce))))
            self._extensions = found[: len(found) - nonce]
        self._id = responder_id
        body = len(responder_id) + len(now) + len(singles) + len(self._extensions) + nonce
        whole = der.sequence(bytes(body))
        self._outer = whole[: len(whole) - body]

    def fill(self, question: Question, at: datetime) -> bytes:
        if not self._since <= at < self._until:  # the bytes of a second are made once
            self._since = at.replace(microsecond=0)
            self._until = self._since + timedelta(seconds=1)
            this_update = der.generalized_time(at)
            next_update = der.context(0, der.generalized_time(at + self._valid_for))
            self._head = self._outer + self._id + this_update + self._singles
            self._tail = _GOOD + this_update + next_update + self._archive + self._extensions
        return b"".join((self._head, question.asked[0].encoded, self._tail, question.nonce or b""))


class Responders:
    """All responders of the centre, found by the issuer a question names."""

    def __init__(self, responders: list[Responder]) -> None:
        self._by_identity: Mapping[tuple[bytes, bytes, bytes], Responder] = {
            identity: responder for responder in responders for identity in responder.identities
        }

    @property
    def identities(self) -> frozenset[tuple[bytes, bytes, bytes]]:
        """Every way in which one of our issuers may be named."""
        return frozenset(self._by_identity)

    def find(self, question: Question) -> Responder | None:
        """Return who answers: the responder of the first issuer that is one of ours."""
        for one in question.asked:
            found = self._by_identity.get(one.issuer)
            if found is not None:
                return found
        return None

    def answer(
        self, encoded: bytes, status: Callable[[str, int], Status | None], *, at: datetime
    ) -> bytes:
        """Return the DER of an OCSPResponse for the DER of a request, whatever it holds."""
        try:
            question = parse_request(encoded)
        except Invalid:
            return MALFORMED
        responder = self.find(question)
        if responder is None:
            return UNAUTHORIZED
        found = {key: status(*key) for key in keys(question, responder)}
        known = {key: one for key, one in found.items() if one is not None}
        return responder.answer(question, known, at=at)


def keys(question: Question, responder: Responder) -> list[tuple[str, int]]:
    """Return issuer and serial number of what a responder must know to answer a question."""
    identities, name = responder.identities, responder.issuer_name
    return [(name, one.serial) for one in question.asked if one.issuer in identities]


def _cert_status(status: Status) -> bytes:
    if status.revoked_at is not None:
        reason = der.context(0, der.enumerated(status.reason)) if status.reason else b""
        return der.context(1, der.generalized_time(status.revoked_at) + reason)
    if status.state != "issued":  # perhaps signed before a stop: see `issuance`
        return der.context(1, der.generalized_time(status.reserved_at))
    return _GOOD


def _nonce(value: bytes) -> bytes:
    return der.sequence(_NONCE, der.octet_string(value))


def _invalid(since: datetime) -> bytes:
    return der.sequence(_INVALIDITY, der.octet_string(der.generalized_time(since)))


def _key_bits(certificate: x509.Certificate) -> bytes:
    encoded = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    reader = der.only(encoded, der.SEQUENCE, limit=10_000)
    reader.element(der.SEQUENCE)
    return reader.element(der.BIT_STRING).content[1:]
