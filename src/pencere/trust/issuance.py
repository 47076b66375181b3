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
import hmac
import ipaddress
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import psycopg
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.kernel.clock import Clock
from pencere.kernel.errors import Invalid, PencereError
from pencere.ledger.entries import INSERT, pending_entry
from pencere.trust import store
from pencere.trust.contents import Draft, Holder, IssuerFacts, assemble, subject_of
from pencere.trust.lint import gate
from pencere.trust.profile import Authority, load_profile
from pencere.trust.signers import Signer

log = logging.getLogger(__name__)

# A clock of a relying party that is a little behind must not find the certificate in its future.
BACKDATED = timedelta(minutes=5)


@dataclass(frozen=True)
class Issuance:
    """What issuing needs: the database, who we are, where status is answered, the time.

    `digest_key` keys the digests under which the ledger speaks of holders.
    """

    conninfo: str
    authority: Authority
    base_url: str
    clock: Clock
    digest_key: bytes

    def issue(
        self,
        profile_name: str,
        holder: Holder,
        *,
        issuer_name: str,
        signer: Signer,
        is_self_signed: bool = False,
    ) -> x509.Certificate:
        """Issue one certificate and return it.

        Raises:
            Refused: `certificate.lint`, the bytes broke a rule; nothing was signed.
            Invalid: the subject is not what the profile asks for.
        """
        profile, now = load_profile(profile_name), self.clock.now().replace(microsecond=0)
        serial = secrets.randbits(126) | 1 << 126
        draft = Draft(
            profile=profile,
            authority=self.authority,
            holder=holder,
            issuer=_issuer_facts(issuer_name, signer, holder, is_self_signed=is_self_signed),
            serial=serial,
            not_before=now - BACKDATED,
            not_after=now - BACKDATED + timedelta(days=profile.days, seconds=-1),
            base_url=self.base_url,
        ).linting_certificate()
        about = holder_of(draft)
        with psycopg.connect(self.conninfo) as connection:
            store.reserve(
                connection,
                store.Reservation(
                    serial=serial,
                    issuer=issuer_name,
                    profile=profile_name,
                    holder=about,
                    tbs=draft.tbs_certificate_bytes,
                    not_before=draft.not_valid_before_utc,
                    not_after=draft.not_valid_after_utc,
                ),
                at=now,
            )
            connection.commit()
            try:
                gate(
                    draft,
                    draft.public_bytes(Encoding.DER),
                    profile,
                    is_loopback=_is_loopback(self.base_url),
                )
            except PencereError:
                store.refuse(connection, serial)
                connection.commit()
                raise
            signature = signer.sign(draft.tbs_certificate_bytes)
            encoded = assemble(draft.tbs_certificate_bytes, signature, signer.algorithm)
            certificate = x509.load_der_x509_certificate(encoded)
            _refuse_false_signature(certificate, signer)
            store.store_issued(
                connection, serial, encoded, hashlib.sha256(encoded).digest(), at=self.clock.now()
            )
            add_leaf(
                connection,
                "certificate",
                {
                    "holder": hmac.digest(self.digest_key, about.encode(), "sha256").hex(),
                    "issuer": issuer_name,
                    "not_after": _instant(draft.not_valid_after_utc),
                    "profile": profile_name,
                    "serial": f"{serial:x}",
                    "sha256": hashlib.sha256(encoded).hexdigest(),
                },
            )
        log.info(
            "certificate_issued serial=%x profile=%s issuer=%s", serial, profile_name, issuer_name
        )
        return certificate

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


def read_request(encoded: bytes) -> ec.EllipticCurvePublicKey:
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
    if not proven or not isinstance(key, ec.EllipticCurvePublicKey):
        raise Invalid("certificate.request", reason="key")
    if key.curve.name not in ("secp256r1", "secp384r1"):
        raise Invalid("certificate.request", reason="curve")
    return key


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


def _issuer_facts(
    name: str, signer: Signer, holder: Holder, *, is_self_signed: bool
) -> IssuerFacts:
    if is_self_signed:
        subject = subject_of(load_profile(name), holder)
        return IssuerFacts(name, signer.public_key, subject, None)
    own = signer.certificate
    return IssuerFacts(name, signer.public_key, own.subject, own.not_valid_after_utc)


def _refuse_false_signature(certificate: x509.Certificate, signer: Signer) -> None:
    """A faulty key device must not get a certificate out of the house."""
    try:
        signer.algorithm.verify(
            signer.public_key, certificate.tbs_certificate_bytes, certificate.signature
        )
    except InvalidSignature as error:
        raise Invalid("certificate.signature_false") from error


def _is_loopback(url: str) -> bool:
    try:
        return ipaddress.ip_address(urlsplit(url).hostname or "").is_loopback
    except ValueError:
        return False


def _instant(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
