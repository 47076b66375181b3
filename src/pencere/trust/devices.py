"""Phones of people: how one is registered and how it proves itself to the service.

A phone has a key of its own beside the person's two. It signs a challenge of the service with
it and gets a token for some minutes. The person's keys stay closed until a PIN is typed.
"""

import secrets
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from pencere.kernel.errors import Invalid, Refused
from pencere.trust.credentials import digest_of
from pencere.trust.store import Connection

CHALLENGE_LIFETIME = timedelta(minutes=1)
TOKEN_LIFETIME = timedelta(minutes=15)

# What the phone signs begins with this, so the signature is good for nothing else.
CHALLENGE_PREFIX = b"pencere device challenge v1\x00"


@dataclass(frozen=True)
class Device:
    """A registered phone with the serial numbers of the person's certificates."""

    id: uuid.UUID
    holder: str
    authentication_serial: bytes
    signature_serial: bytes


@dataclass(frozen=True)
class Registration:
    """A phone to be registered; `public_key` is its SubjectPublicKeyInfo, DER."""

    holder: str
    phone: str
    public_key: bytes
    authentication_serial: bytes
    signature_serial: bytes


def read_key(encoded: bytes) -> ec.EllipticCurvePublicKey:
    """Return a P-256 key from its SubjectPublicKeyInfo."""
    try:
        key = load_der_public_key(encoded)
    except Exception as error:  # the parser raises many kinds
        raise Invalid("device.key", reason=type(error).__name__) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise Invalid("device.key", reason="kind")
    return key


def register(connection: Connection, registration: Registration, *, at: datetime) -> uuid.UUID:
    """Register a phone and close the person's earlier ones; the same phone keeps its id."""
    facts = asdict(registration)
    row = connection.execute(
        "select id from trust.device where holder = %(holder)s and phone = %(phone)s"
        " and public_key = %(public_key)s and authentication_serial = %(authentication_serial)s"
        " and signature_serial = %(signature_serial)s and closed_at is null",
        facts,
    ).fetchone()
    if row is not None:
        return uuid.UUID(str(row[0]))
    connection.execute(
        "update trust.device set closed_at = %s where holder = %s and closed_at is null",
        (at, registration.holder),
    )
    device = uuid.uuid4()
    connection.execute(
        "insert into trust.device (id, holder, phone, public_key, authentication_serial,"
        " signature_serial, registered_at) values (%(id)s, %(holder)s, %(phone)s, %(public_key)s,"
        " %(authentication_serial)s, %(signature_serial)s, %(at)s)",
        {**facts, "id": device, "at": at},
    )
    return device


def find(connection: Connection, holder: str, phone: str) -> Device | None:
    """Return the phone of a person with that number whose certificates are in force, none held."""
    row = connection.execute(
        "select id, holder, authentication_serial, signature_serial from trust.device d"
        " where holder = %s and phone = %s and closed_at is null and not exists ("
        "  select from trust.not_good n"
        "  where n.serial in (d.authentication_serial, d.signature_serial))",
        (holder, phone),
    ).fetchone()
    return Device(row[0], row[1], bytes(row[2]), bytes(row[3])) if row else None


def certificates_of(connection: Connection, holder: str) -> list[bytes]:
    """Return what a person's open phone has in force, DER."""
    rows = connection.execute(
        "select c.encoded from trust.device d join trust.certificate c"
        " on c.serial in (d.authentication_serial, d.signature_serial)"
        " where d.holder = %s and d.closed_at is null"
        " and not exists (select from trust.revocation r where r.serial = c.serial)",
        (holder,),
    ).fetchall()
    return [bytes(row[0]) for row in rows]


def challenge(connection: Connection, device: uuid.UUID, *, at: datetime) -> bytes:
    """Return 32 fresh bytes for a phone to sign. A phone that is not ours gets them too."""
    fresh = secrets.token_bytes(32)
    connection.execute(
        "insert into trust.device_challenge (challenge, device, expires_at)"
        " select %s, id, %s from trust.device where id = %s and closed_at is null",
        (fresh, at + CHALLENGE_LIFETIME, device),
    )
    return fresh


def open_session(
    connection: Connection, device: uuid.UUID, given: bytes, signature: bytes, *, at: datetime
) -> str:
    """Return a token for a challenge signed with the phone's key; the challenge is used up.

    Raises:
        Refused: `device.proof`: no such challenge, too late, used, or a false signature.
    """
    row = connection.execute(
        "delete from trust.device_challenge c using trust.device d"
        " where c.challenge = %s and c.device = %s and c.expires_at > %s"
        " and d.id = c.device and d.closed_at is null returning d.public_key",
        (given, device, at),
    ).fetchone()
    connection.commit()
    if row is None:
        raise Refused("device.proof")
    try:
        read_key(bytes(row[0])).verify(
            signature, CHALLENGE_PREFIX + given, ec.ECDSA(hashes.SHA256())
        )
    except InvalidSignature as error:
        raise Refused("device.proof") from error
    token = secrets.token_urlsafe(32)
    connection.execute(
        "insert into trust.device_token (sha256, device, expires_at) values (%s, %s, %s)",
        (digest_of(token), device, at + TOKEN_LIFETIME),
    )
    return token


def of_token(connection: Connection, token: str, *, at: datetime) -> Device:
    """Return the phone whose token this is.

    Raises:
        Refused: `device.token`: not known, or over.
    """
    row = connection.execute(
        "select d.id, d.holder, d.authentication_serial, d.signature_serial"
        " from trust.device_token t join trust.device d on d.id = t.device"
        " where t.sha256 = %s and t.expires_at > %s and d.closed_at is null",
        (digest_of(token), at),
    ).fetchone()
    if row is None:
        raise Refused("device.token")
    return Device(row[0], row[1], bytes(row[2]), bytes(row[3]))


def forget_expired(connection: Connection, *, at: datetime) -> None:
    """Delete challenges and tokens that are over."""
    connection.execute("delete from trust.device_challenge where expires_at < %s", (at,))
    connection.execute("delete from trust.device_token where expires_at < %s", (at,))
