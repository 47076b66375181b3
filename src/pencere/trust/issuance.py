"""A certificate is issued: the order of steps that survives a stop at any of them.

1. A serial number and the exact bytes to be signed are put on record and committed.
2. The bytes pass the lint gate (`lint`), or the row is settled as refused.
3. The issuing key signs the bytes.
4. Certificate and its leaf in the ledger are stored in one transaction.
5. The caller publishes it.

A row that is neither refused nor issued after a stop may have been signed between 3 and 4: its
serial number is answered as revoked from the first moment (`ocsp`) and is never used again.
"""

import hashlib
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.kernel.canonical import sha256_of
from pencere.kernel.clock import Clock
from pencere.kernel.errors import Invalid, Refused
from pencere.ledger.entries import INSERT, pending_entry
from pencere.trust import reservations, store
from pencere.trust.algorithms import PublicKey, algorithm_of
from pencere.trust.contents import Draft, Holder, IssuerFacts, assemble, subject_of
from pencere.trust.holders import mark
from pencere.trust.links import Links
from pencere.trust.lint import gate
from pencere.trust.partitions import shard_of
from pencere.trust.profile import Authority, load_profile
from pencere.trust.signers import Signer, SoftwareSigner
from pencere.trust.surroundings import Surroundings

log = logging.getLogger(__name__)

# A clock of a relying party that is a little behind must not find the certificate in its future.
BACKDATED = timedelta(minutes=5)


Gate = Callable[..., None]


@dataclass(frozen=True)
class Wish:
    """One certificate that is to be issued.

    `request_sha256` is of what asked for it (a PKCS#10 request, an application); `approvals` are
    JSON objects that say who approved it, without a personal number. Both are on record before
    the signature. `days` shortens the life that the profile gives.
    """

    profile: str
    holder: Holder
    request_sha256: bytes | None = None
    approvals: tuple[dict[str, Any], ...] = ()
    days: int | None = None


@dataclass(frozen=True)
class _Issuer:
    """Who signs."""

    name: str
    signer: Signer


@dataclass(frozen=True)
class Issuance:
    """What issuing needs: the database, who we are, where status is answered, the time.

    `digest_key` keys the digests under which the ledger speaks of holders. `installation` names
    this centre in what people approve. `gate` is `lint.gate`; only a measurement has another.
    """

    conninfo: str
    authority: Authority
    base_url: str
    clock: Clock
    digest_key: bytes
    installation: str = "test"
    gate: Gate = gate
    _links: Links = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_links", Links(self.conninfo))

    def issue(  # noqa: PLR0913 -- what stands in a certificate, by name
        self,
        profile_name: str,
        holder: Holder,
        *,
        issuer_name: str,
        signer: Signer,
        is_self_signed: bool = False,
        request_sha256: bytes | None = None,
        approvals: Sequence[dict[str, Any]] = (),
        days: int | None = None,
    ) -> x509.Certificate:
        """Issue one certificate and return it; raises as `issue_batch`."""
        wish = Wish(profile_name, holder, request_sha256, tuple(approvals), days)
        return self.issue_batch(
            [wish], issuer_name=issuer_name, signer=signer, is_self_signed=is_self_signed
        )[0]

    def issue_batch(
        self,
        wishes: Sequence[Wish],
        *,
        issuer_name: str,
        signer: Signer,
        is_self_signed: bool = False,
    ) -> list[x509.Certificate]:
        """Issue certificates of one issuer, all or none of them, and return them in order.

        Raises:
            Refused: `certificate.lint`, the bytes of one broke a rule; nothing was signed.
            Invalid: a subject is not what its profile asks for.
            Unavailable: the key or the storage does not answer; what was not signed is not on
                record, what may have been signed is revoked.
        """
        now = self.clock.now().replace(microsecond=0)
        issuer = _Issuer(issuer_name, signer)
        drafts = [
            (wish, self._draft(wish, issuer, now, is_self_signed=is_self_signed)) for wish in wishes
        ]
        signer.ready()  # a key that is away must not leave rows that count as signed
        with self._links.link(reservations.begin) as connection:
            try:
                return self._carry_out(connection, drafts, issuer, now)
            except BaseException:
                if not connection.closed and not connection.broken:
                    connection.rollback()
                    reservations.end(connection)
                    connection.commit()
                raise

    def close(self) -> None:
        """Close the connections that are kept."""
        self._links.close()

    def _draft(
        self, wish: Wish, issuer: _Issuer, now: datetime, *, is_self_signed: bool
    ) -> x509.Certificate:
        profile = load_profile(wish.profile)
        if profile.is_experimental and not self.authority.experimental:
            raise Refused("certificate.experimental", profile=profile.name)
        days = min(profile.days, wish.days or profile.days)
        return Draft(
            profile=profile,
            authority=self.authority,
            holder=wish.holder,
            issuer=_issuer_facts(issuer, wish.holder, is_self_signed=is_self_signed),
            serial=secrets.randbits(126) | 1 << 126,
            not_before=now - BACKDATED,
            not_after=now - BACKDATED + timedelta(days=days, seconds=-1),
            base_url=self.base_url,
        ).linting_certificate()

    def _carry_out(
        self,
        connection: store.Connection,
        drafts: Sequence[tuple[Wish, x509.Certificate]],
        issuer: _Issuer,
        now: datetime,
    ) -> list[x509.Certificate]:
        """Do steps 1 to 4."""
        reserved = [_reservation(wish, draft, issuer.name) for wish, draft in drafts]
        reservations.reserve(connection, reserved, at=now)
        connection.commit()
        try:
            for wish, draft in drafts:
                self._lint(wish, draft, issuer)
            certificates = [
                _signed(draft, issuer.signer, is_first=number == 0)
                for number, (_, draft) in enumerate(drafts)
            ]
        except (Refused, Invalid) as error:
            if error.code != "certificate.signature_false":  # else the key was not used
                reservations.refuse(connection, [one.serial for one in reserved])
                connection.commit()
            raise
        self._store(connection, drafts, certificates, issuer)
        reservations.end(connection)
        connection.commit()
        for one in reserved:
            log.info(
                "certificate_issued serial=%x profile=%s issuer=%s",
                one.serial,
                one.profile,
                one.issuer,
            )
        return certificates

    def _lint(self, wish: Wish, draft: x509.Certificate, issuer: _Issuer) -> None:
        self.gate(
            draft,
            draft.public_bytes(Encoding.DER),
            load_profile(wish.profile),
            Surroundings(issuer.name, issuer.signer.public_key, self.authority, self.base_url),
        )

    def _store(
        self,
        connection: store.Connection,
        drafts: Sequence[tuple[Wish, x509.Certificate]],
        certificates: Sequence[x509.Certificate],
        issuer: _Issuer,
    ) -> None:
        signed, leaves = [], []
        for (wish, _), certificate in zip(drafts, certificates, strict=True):
            encoded = certificate.public_bytes(Encoding.DER)
            digest = hashlib.sha256(encoded).digest()
            signed.append(reservations.Signed(certificate.serial_number, encoded, digest))
            identifier = f"{certificate.serial_number:x}"
            facts: dict[str, object] = {
                "holder": mark(self.digest_key, holder_of(certificate), identifier),
                "issuer": issuer.name,
                "kind": "certificate",
                "not_after": _instant(certificate.not_valid_after_utc),
                "profile": wish.profile,
                "serial": identifier,
                "sha256": digest.hex(),
            }
            if wish.approvals:
                facts["approvals"] = sha256_of(list(wish.approvals)).hex()
            if wish.request_sha256:
                facts["request"] = wish.request_sha256.hex()
            leaves.append(pending_entry("certificate", facts).row)
        reservations.settle(connection, signed, at=self.clock.now())
        reservations.write_rows(connection, INSERT, leaves)

    def revoke(self, certificate: x509.Certificate, reason: store.Reason) -> None:
        """Revoke a certificate for good; status answers say so from the commit on."""
        with psycopg.connect(self.conninfo) as connection:
            now = self.clock.now()
            serial = certificate.serial_number
            store.record_revocation(connection, store.serial_bytes(serial), reason, at=now)
            add_leaf(
                connection,
                "revocation",
                {"at": _instant(now), "reason": int(reason), "serial": f"{serial:x}"},
            )
        log.info("certificate_revoked serial=%x reason=%d", certificate.serial_number, reason)


def add_leaf(connection: store.Connection, kind: str, facts: dict[str, object]) -> None:
    """Add a leaf to the ledger in the transaction of the fact."""
    connection.execute(INSERT, pending_entry(kind, {"kind": kind, **facts}).row)


def read_request(encoded: bytes) -> PublicKey:
    """Return the key of a PKCS#10 request whose owner proves to hold it; DER or PEM.

    Raises:
        Invalid: `certificate.request`; not a request, a key of another kind, or a false proof.
    """
    try:
        load = x509.load_pem_x509_csr if b"-----BEGIN" in encoded[:64] else x509.load_der_x509_csr
        request = load(encoded)
        key = request.public_key()
        proven = request.is_signature_valid
    except Exception as error:  # the parser raises many kinds, among them its own base class
        raise Invalid("certificate.request", reason=type(error).__name__) from error
    if not proven:
        raise Invalid("certificate.request", reason="proof")
    try:
        algorithm_of(key)
    except Invalid as error:
        raise Invalid("certificate.request", reason="key") from error
    return key  # type: ignore[return-value]  # algorithm_of has looked


def holder_of(certificate: x509.Certificate) -> str:
    """Return who the certificate is about: personal or organisation identifier, else the name."""
    for oid in (
        x509.NameOID.SERIAL_NUMBER,
        x509.NameOID.ORGANIZATION_IDENTIFIER,
        x509.NameOID.COMMON_NAME,
    ):
        found = certificate.subject.get_attributes_for_oid(oid)
        if found:
            return str(found[0].value)
    raise Invalid("certificate.subject", reason="empty")


def _reservation(wish: Wish, draft: x509.Certificate, issuer_name: str) -> reservations.Reservation:
    return reservations.Reservation(
        serial=draft.serial_number,
        issuer=issuer_name,
        profile=wish.profile,
        holder=holder_of(draft),
        tbs=draft.tbs_certificate_bytes,
        not_before=draft.not_valid_before_utc,
        not_after=draft.not_valid_after_utc,
        shard=shard_of(issuer_name, draft.serial_number),
        request_sha256=wish.request_sha256,
        approvals=wish.approvals,
    )


def _signed(draft: x509.Certificate, signer: Signer, *, is_first: bool) -> x509.Certificate:
    """Sign the bytes of the draft.

    What a device gives is verified each time, what a key in this process gives at the first of a
    batch: there a verification costs twice the signature, and no other party could have erred.
    """
    tbs = draft.tbs_certificate_bytes
    encoded = assemble(tbs, signer.sign(tbs), signer.algorithm)
    certificate = x509.load_der_x509_certificate(encoded)
    if is_first or not isinstance(signer, SoftwareSigner):
        _refuse_false_signature(certificate, signer)
    return certificate


def _issuer_facts(issuer: _Issuer, holder: Holder, *, is_self_signed: bool) -> IssuerFacts:
    signer = issuer.signer
    if is_self_signed:
        subject = subject_of(load_profile(issuer.name), holder)
        return IssuerFacts(issuer.name, signer.public_key, subject, None)
    own = signer.certificate
    return IssuerFacts(issuer.name, signer.public_key, own.subject, own.not_valid_after_utc)


def _refuse_false_signature(certificate: x509.Certificate, signer: Signer) -> None:
    """A faulty key device must not get a certificate out of the house."""
    try:
        signer.algorithm.verify(
            signer.public_key, certificate.tbs_certificate_bytes, certificate.signature
        )
    except InvalidSignature as error:
        raise Invalid("certificate.signature_false") from error


def _instant(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
