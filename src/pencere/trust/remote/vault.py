"""The keys of people in the centre: made, opened with a PIN, unblocked, destroyed.

The third wrong PIN in a row closes a key until the PUK or an act of the registration authority
opens it again; a forgotten PIN and a lost PUK mean that nobody ever opens it. A try is counted
before the PIN is looked at, so that a stop in between or tries at the same moment give nobody
one more.
"""

import hashlib
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from psycopg.rows import class_row

from pencere.kernel.errors import Invalid, Missing, Refused
from pencere.trust.issuance import add_leaf
from pencere.trust.remote.mechanisms import PrivateKey
from pencere.trust.remote.wrapping import WrappingKey, key_of_factor, new_key, seal, unseal
from pencere.trust.store import Connection

PIN_TRIES = 3
PUK_TRIES = 10
SHORTEST_PIN, LONGEST_PIN = 6, 12
PUK_DIGITS = 10
RSA_BITS = 3072


@dataclass(frozen=True)
class RemoteCredential:
    """A key of a person, without what opens it. `serial` is that of its certificate."""

    id: str
    holder: str
    algorithm: str
    serial: bytes
    pin_tries_left: int


def create(  # noqa: PLR0913 -- by name
    connection: Connection,
    wrapping: WrappingKey,
    *,
    holder: str,
    algorithm: str,
    pin: str,
    at: datetime,
) -> tuple[str, str, ec.EllipticCurvePublicKey | rsa.RSAPublicKey]:
    """Make a key and return its credential id, the PUK, and the public half.

    The PUK is told once and kept nowhere. The credential is of no use before `certify`.

    Raises:
        Invalid: `remote.pin`: not 6 to 12 digits, or one that anybody guesses first.
    """
    refuse_weak_pin(pin)
    key: PrivateKey
    if algorithm == "RSA-3072":
        key = rsa.generate_private_key(65537, RSA_BITS)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    credential, puk = f"r-{secrets.token_urlsafe(16)}", _new_puk()
    public = key.public_key()
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    encoded = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    own = new_key()
    pin_salt, pin_wrapped = _wrap(wrapping, "pin", credential, pin, own)
    puk_salt, puk_wrapped = _wrap(wrapping, "puk", credential, puk, own)
    connection.execute(
        "insert into trust.remote_credential (id, holder, algorithm, public_key, sealed_key,"
        " pin_salt, pin_wrapped, pin_tries_left, puk_salt, puk_wrapped, puk_tries_left,"
        " created_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            credential,
            holder,
            algorithm,
            spki,
            seal(own, encoded, _about(credential, spki)),
            pin_salt,
            pin_wrapped,
            PIN_TRIES,
            puk_salt,
            puk_wrapped,
            PUK_TRIES,
            at,
        ),
    )
    return credential, puk, public


def certify(connection: Connection, credential: str, serial: bytes) -> None:
    """Give a credential its certificate, once."""
    connection.execute(
        "update trust.remote_credential set serial = %s where id = %s and closed_at is null",
        (serial, credential),
    )


def find(connection: Connection, credential: str) -> RemoteCredential:
    """Return a credential.

    Raises:
        Missing: `remote.missing`: there is none, it has no certificate, or it is closed.
    """
    with connection.cursor(row_factory=class_row(RemoteCredential)) as cursor:
        found = cursor.execute(
            "select id, holder, algorithm, serial, pin_tries_left from trust.remote_credential"
            " where id = %s and serial is not null and closed_at is null",
            (credential,),
        ).fetchone()
    if found is None:
        raise Missing("remote.missing")
    return found


def of_holder(connection: Connection, holder: str) -> list[RemoteCredential]:
    """Return the credentials of a person, oldest first."""
    with connection.cursor(row_factory=class_row(RemoteCredential)) as cursor:
        return cursor.execute(
            "select id, holder, algorithm, serial, pin_tries_left from trust.remote_credential"
            " where holder = %s and serial is not null and closed_at is null"
            " order by created_at, id",
            (holder,),
        ).fetchall()


def open_with_pin(
    connection: Connection, wrapping: WrappingKey, credential: str, pin: str
) -> bytes:
    """Return the key that the credential is sealed under; every try is committed.

    Raises:
        Refused: `remote.pin_wrong` with the tries `left`; `remote.pin_blocked`.
    """
    own = _open(connection, wrapping, credential, "pin", pin)
    connection.execute(
        "update trust.remote_credential set pin_tries_left = %s where id = %s",
        (PIN_TRIES, credential),
    )
    connection.commit()
    return own


def set_pin(  # noqa: PLR0913 -- by name
    connection: Connection,
    wrapping: WrappingKey,
    credential: str,
    *,
    puk: str,
    pin: str,
    at: datetime,
) -> None:
    """Set a new PIN with the PUK; this also opens a credential that wrong PINs closed.

    Raises:
        Invalid: `remote.pin`.
        Refused: `remote.puk_wrong` with the tries `left`; `remote.puk_blocked`.
    """
    refuse_weak_pin(pin)
    own = _open(connection, wrapping, credential, "puk", puk)
    _rewrap(connection, wrapping, credential, own, pin)
    add_leaf(connection, "pin", _noted(credential, at) | {"by": "puk"})
    connection.commit()


def change_pin(
    connection: Connection, wrapping: WrappingKey, credential: str, *, old: str, new: str
) -> None:
    """Set a new PIN with the old one; raises as `open_with_pin` and `create` do."""
    refuse_weak_pin(new)
    own = open_with_pin(connection, wrapping, credential, old)
    _rewrap(connection, wrapping, credential, own, new)
    connection.commit()


def unblock(connection: Connection, credential: str, *, act: str, at: datetime) -> None:
    """Give all tries again, by an act of the registration authority, in its transaction.

    The PIN stays what it is: nobody but the person can set another. `act` is the act's id.

    Raises:
        Missing: `remote.missing`.
    """
    done = connection.execute(
        "update trust.remote_credential set pin_tries_left = %s, puk_tries_left = %s"
        " where id = %s and closed_at is null",
        (PIN_TRIES, PUK_TRIES, credential),
    )
    if done.rowcount != 1:
        raise Missing("remote.missing")
    add_leaf(connection, "pin", _noted(credential, at) | {"act": act, "by": "registration"})


def destroy(connection: Connection, credential: str, *, at: datetime) -> None:
    """Destroy the key for good: after a revocation, or because its person wants it."""
    connection.execute(
        "update trust.remote_credential set sealed_key = null, closed_at = %s"
        " where id = %s and closed_at is null",
        (at, credential),
    )
    connection.execute(
        "update trust.activation set sealed = null where credential = %s", (credential,)
    )
    add_leaf(connection, "key-destroyed", _noted(credential, at))


def destroy_revoked(connection: Connection, *, at: datetime) -> list[str]:
    """Destroy the keys whose certificates were revoked for good; return their credentials."""
    rows = connection.execute(
        "select c.id from trust.remote_credential c join trust.revocation r using (serial)"
        " where c.closed_at is null for update of c skip locked"
    ).fetchall()
    for (credential,) in rows:
        destroy(connection, credential, at=at)
    return [row[0] for row in rows]


def private_key(connection: Connection, credential: str, own: bytes) -> PrivateKey:
    """Return the private key; it lives as long as the caller needs it to sign.

    Raises:
        Refused: `remote.closed`: destroyed, or not the key it is sealed under.
    """
    row = connection.execute(
        "select sealed_key, public_key from trust.remote_credential where id = %s", (credential,)
    ).fetchone()
    if row is None or row[0] is None:
        raise Refused("remote.closed")
    encoded = unseal(own, bytes(row[0]), _about(credential, bytes(row[1])))
    key = load_der_private_key(encoded, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise Refused("remote.closed")
    if key.public_key() != load_der_public_key(bytes(row[1])):
        raise Refused("remote.closed")
    return key


def refuse_weak_pin(pin: str) -> None:
    """Return if a PIN may be chosen: digits, neither all alike nor simply counted."""
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(pin) if pin.isdecimal()}
    if (
        not SHORTEST_PIN <= len(pin) <= LONGEST_PIN
        or not (pin.isascii() and pin.isdecimal())
        or steps in ({0}, {1}, {9})
    ):
        raise Invalid("remote.pin")


def _open(
    connection: Connection, wrapping: WrappingKey, credential: str, kind: str, secret: str
) -> bytes:
    # `kind` is one of our two words; the statement is as fixed as if it stood twice.
    row = connection.execute(
        f"update trust.remote_credential set {kind}_tries_left = {kind}_tries_left - 1"  # noqa: S608
        f" where id = %s and {kind}_tries_left > 0 and closed_at is null and serial is not null"
        f" returning {kind}_salt, {kind}_wrapped, {kind}_tries_left",
        (credential,),
    ).fetchone()
    connection.commit()
    if row is None:
        raise Refused(f"remote.{kind}_blocked")
    salt, wrapped, left = bytes(row[0]), bytes(row[1]), row[2]
    try:
        key = key_of_factor(wrapping, kind, credential, secret[:64], salt)
        return unseal(key, wrapped, credential.encode())
    except Refused as error:
        code = f"remote.{kind}_wrong" if left else f"remote.{kind}_blocked"
        raise Refused(code, left=left) from error


def _rewrap(
    connection: Connection, wrapping: WrappingKey, credential: str, own: bytes, pin: str
) -> None:
    salt, wrapped = _wrap(wrapping, "pin", credential, pin, own)
    connection.execute(
        "update trust.remote_credential set pin_salt = %s, pin_wrapped = %s, pin_tries_left = %s,"
        " puk_tries_left = %s where id = %s",
        (salt, wrapped, PIN_TRIES, PUK_TRIES, credential),
    )


def _wrap(
    wrapping: WrappingKey, kind: str, credential: str, secret: str, own: bytes
) -> tuple[bytes, bytes]:
    salt = os.urandom(16)
    key = key_of_factor(wrapping, kind, credential, secret, salt)
    return salt, seal(key, own, credential.encode())


def _about(credential: str, spki: bytes) -> bytes:
    return credential.encode() + b"\x00" + spki


def _new_puk() -> str:
    return "".join(secrets.choice("0123456789") for _ in range(PUK_DIGITS))


def _noted(credential: str, at: datetime) -> dict[str, object]:
    """Return what the public log says of a credential: two leaves of one do not look alike."""
    salt = secrets.token_bytes(16)
    return {
        "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "credential": hashlib.sha256(salt + credential.encode()).hexdigest(),
        "salt": salt.hex(),
    }
