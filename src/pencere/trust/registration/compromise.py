"""A key that is in other hands is revoked by whoever proves to have it; nobody has to approve.

Two proofs: a PKCS#10 that says so by its name (a request for a certificate is no proof: those
lie about in many places), or a signature over a challenge of ours.
"""

import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pencere.kernel.errors import Conflict, Missing, Refused
from pencere.trust import store
from pencere.trust.registration import acts, recording, subjects
from pencere.trust.registration.acts import Opening
from pencere.trust.registration.office import Office, hex_of, instant
from pencere.trust.registration.recording import Under
from pencere.trust.store import Connection, Reason

COMMON_NAME = "This key is compromised"
PREFIX = b"pencere key compromise v1\x00"
CHALLENGE_LASTS = timedelta(minutes=10)


@dataclass(frozen=True)
class Proof:
    """Either a request, or a challenge with the signature over it."""

    request: bytes | None = None
    challenge: bytes = b""
    signature: bytes = b""


def challenge(office: Office, *, at: datetime) -> bytes:
    """Return bytes to sign; they carry their own time and nothing is kept."""
    body = int(at.timestamp()).to_bytes(8, "big") + secrets.token_bytes(24)
    return body + _seal(office, body)


def revoke_by_proof(
    connection: Connection, office: Office, serial: bytes, proof: Proof, *, at: datetime
) -> list[str]:
    """Revoke every certificate with the key of this one; return their serial numbers.

    Raises:
        Missing: `certificate.missing`. Refused: `compromise.proof`, `certificate.of-centre`.
        Conflict: `certificate.revoked_already`, all of them.
    """
    certificate = x509.load_der_x509_certificate(store.certificate(connection, serial))
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    is_proven = (
        _is_requested(proof.request, key)
        if proof.request is not None
        else _is_answered(office, proof, certificate, at=at)
    )
    if not is_proven:
        raise Refused("compromise.proof")
    found = subjects.with_key(connection, hashlib.sha256(key).digest())
    if any(one.profile in subjects.OF_CENTRE for one in found):
        raise Refused("certificate.of-centre")
    serials = [one.serial for one in found if one.standing != "revoked"]
    if not serials:
        raise Conflict("certificate.revoked_already")
    holders = {one.holder for one in found}
    holder = holders.pop() if len(holders) == 1 else None
    named = [hex_of(one) for one in serials]
    said: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "act": "proof",
        "channel": "public",
        "opened_by": None,
        "subject": office.fin_of(holder) if holder else None,
        "serials": named,
        "reason": "keyCompromise",
        "case": None,
        "note": "",
        "details": {"proof": "challenge" if proof.request is None else "request"},
    }
    act, _ = acts.record(connection, office, Opening(said, holder, None), at=at, expires_at=at)
    recording.revoke(connection, serials, Reason.KEY_COMPROMISE, Under(act.id, at))
    acts.settle(connection, act, "executed", at=at)
    acts.leaf(
        connection,
        "ra.result",
        {
            "act": str(act.id),
            "at": instant(at),
            "of": "proof",
            "serials": named,
            "sha256": act.sha256.hex(),
            "what": "revoked",
        },
    )
    return named


def serial_of(connection: Connection, encoded: bytes) -> bytes:
    """Return the serial number under which a certificate of ours is kept.

    Raises:
        Missing: `certificate.missing`.
    """
    row = connection.execute(
        "select serial from trust.certificate where sha256 = %s and state = 'issued'",
        (hashlib.sha256(encoded).digest(),),
    ).fetchone()
    if row is None:
        raise Missing("certificate.missing")
    return bytes(row[0])


def _is_requested(encoded: bytes, key: bytes) -> bool:
    try:
        request = x509.load_der_x509_csr(encoded)
        names = [(one.oid, one.value) for one in request.subject]
        signed_by = request.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        is_valid = request.is_signature_valid
    except Exception:  # parsers raise many kinds
        return False
    is_said = names == [(x509.NameOID.COMMON_NAME, COMMON_NAME)]
    return is_said and is_valid and hmac.compare_digest(signed_by, key)


def _is_answered(
    office: Office, proof: Proof, certificate: x509.Certificate, *, at: datetime
) -> bool:
    body, seal = proof.challenge[:32], proof.challenge[32:]
    if len(proof.challenge) != 64 or not hmac.compare_digest(seal, _seal(office, body)):
        return False
    given_at = datetime.fromtimestamp(int.from_bytes(body[:8], "big"), UTC)
    if not given_at <= at < given_at + CHALLENGE_LASTS:
        return False
    data, key = PREFIX + proof.challenge, certificate.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(proof.signature, data, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(proof.signature, data, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _seal(office: Office, body: bytes) -> bytes:
    return hmac.digest(office.key("pencere compromise challenges v1"), body, "sha256")
