"""Seals of bodies: who may use which key in the keystore.

A body proves itself with a bearer token; how a single signature is then activated stands in
`pencere.trust.remote.activation`.
"""

import hashlib
from dataclasses import dataclass

from pencere.kernel.errors import Refused
from pencere.trust.store import Connection


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


def find(connection: Connection, credential: str) -> Credential | None:
    """Return a seal that is not switched off, or None."""
    row = connection.execute(
        "select id, key_name, holder from trust.credential where id = %s and is_enabled",
        (credential,),
    ).fetchone()
    return Credential(*row) if row else None


def digest_of(secret: str) -> bytes:
    """Return what is kept of a secret of 32 random bytes; it needs no salt."""
    return hashlib.sha256(secret.encode()).digest()
