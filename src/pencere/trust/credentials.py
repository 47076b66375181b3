"""Seals of bodies: who may use which key, and the single-use activation of a signature.

A credential is a key in the keystore. Its body proves itself with a bearer token. Before a
signature it announces the digests and gets activation data (SAD), which opens the key once, for
exactly these digests, within minutes. Cloud Signature Consortium API v1, sections 11.6 and 11.9.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from pencere.kernel.errors import Invalid, Refused
from pencere.trust.store import Connection

ACTIVATION_LIFETIME = timedelta(minutes=5)
MOST_DIGESTS = 1000


@dataclass(frozen=True)
class Credential:
    """A seal that its body may use."""

    id: str
    key_name: str
    holder: str


def register(
    connection: Connection, *, credential: str, key_name: str, holder: str, token: str
) -> None:
    """Register a seal or give it a new token."""
    connection.execute(
        "insert into trust.credential (id, key_name, holder, token_sha256) values (%s, %s, %s, %s)"
        " on conflict (id) do update set token_sha256 = excluded.token_sha256",
        (credential, key_name, holder, digest_of(token)),
    )


def of_token(connection: Connection, token: str) -> Credential:
    """Return the credential a bearer token opens.

    Raises:
        Refused: `credential.token`, there is none.
    """
    row = connection.execute(
        "select id, key_name, holder from trust.credential where token_sha256 = %s and is_enabled",
        (digest_of(token),),
    ).fetchone()
    if row is None:
        raise Refused("credential.token")
    return Credential(*row)


def activate(
    connection: Connection, credential: Credential, digests: list[bytes], *, at: datetime
) -> str:
    """Return activation data for exactly these digests of SHA-256."""
    if not 1 <= len(digests) <= MOST_DIGESTS or any(len(digest) != 32 for digest in digests):
        raise Invalid("credential.digests")
    activation = secrets.token_urlsafe(32)
    connection.execute(
        "insert into trust.activation (sha256, credential, digests, expires_at)"
        " values (%s, %s, %s, %s)",
        (digest_of(activation), credential.id, digests, at + ACTIVATION_LIFETIME),
    )
    return activation


def use(
    connection: Connection,
    credential: Credential,
    activation: str,
    digests: list[bytes],
    *,
    at: datetime,
) -> None:
    """Use activation data up; the caller signs after this is committed.

    Raises:
        Refused: `credential.activation`: used, expired, of another credential, or for other
            digests. In the last case it is used up all the same.
    """
    row = connection.execute(
        "update trust.activation set used_at = %s where sha256 = %s and credential = %s"
        " and used_at is null and expires_at > %s returning digests",
        (at, digest_of(activation), credential.id, at),
    ).fetchone()
    connection.commit()
    if row is None or [bytes(one) for one in row[0]] != digests:
        raise Refused("credential.activation")


def forget_expired(connection: Connection, *, at: datetime) -> None:
    """Delete activation data that ended more than a day ago."""
    connection.execute(
        "delete from trust.activation where expires_at < %s", (at - timedelta(days=1),)
    )


def digest_of(secret: str) -> bytes:
    """Return what is kept of a secret of 32 random bytes; it needs no salt."""
    return hashlib.sha256(secret.encode()).digest()
