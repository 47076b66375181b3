"""Applications that may ask: portals, signing software, systems of bodies. RFC 6749 section 2.

A client without a secret (an application on a desk or a phone) is public: it proves with PKCE
that the code it brings is the one it asked for.
"""

import hmac
import uuid
from dataclasses import dataclass

from pencere.kernel.errors import Invalid, Refused
from pencere.trust.credentials import digest_of
from pencere.trust.store import Connection


@dataclass(frozen=True)
class Client:
    """A registered application. `seals` are credentials it may use without a person."""

    id: str
    name: str
    is_public: bool
    redirect_uris: tuple[str, ...]
    seals: tuple[str, ...]


@dataclass(frozen=True)
class Registration:
    """What is registered of a client; `secret` at least 32 random bytes as text, or None."""

    id: str
    name: str
    secret: str | None
    redirect_uris: tuple[str, ...]
    seals: tuple[str, ...] = ()
    relying_party: uuid.UUID | None = None


def register(connection: Connection, registration: Registration) -> None:
    """Register a client or give it new facts.

    Raises:
        Invalid: `client.redirect_uri`: one that is not absolute, or has a fragment.
    """
    for uri in registration.redirect_uris:
        if "#" in uri or ":" not in uri or not uri.isascii() or not uri.isprintable():
            raise Invalid("client.redirect_uri")
    connection.execute(
        "insert into trust.oauth_client (id, name, secret_sha256, redirect_uris, seals,"
        " relying_party) values (%s, %s, %s, %s, %s, %s) on conflict (id) do update set"
        " name = excluded.name, secret_sha256 = excluded.secret_sha256,"
        " redirect_uris = excluded.redirect_uris, seals = excluded.seals,"
        " relying_party = excluded.relying_party",
        (
            registration.id,
            registration.name,
            None if registration.secret is None else digest_of(registration.secret),
            list(registration.redirect_uris),
            list(registration.seals),
            registration.relying_party,
        ),
    )


def find(connection: Connection, client: str) -> Client:
    """Return a client that is not switched off.

    Raises:
        Refused: `client.unknown`.
    """
    return _read(connection, "id = %s", client)[0]


def of_relying_party(connection: Connection, relying_party: uuid.UUID) -> Client:
    """Return the client that is the same application as a relying party of mobile signing.

    Raises:
        Refused: `client.unknown`.
    """
    return _read(connection, "relying_party = %s", relying_party)[0]


def authenticate(connection: Connection, client: str, secret: str | None) -> Client:
    """Return a client that knows its secret; a public one has none to know.

    Raises:
        Refused: `client.unknown`, whatever is wrong.
    """
    found, kept = _read(connection, "id = %s", client)
    if kept is None and secret is None:
        return found
    if kept is None or secret is None or not hmac.compare_digest(kept, digest_of(secret)):
        raise Refused("client.unknown")
    return found


def _read(connection: Connection, condition: str, value: object) -> tuple[Client, bytes | None]:
    # `condition` is one of the two above.
    row = connection.execute(
        "select id, name, secret_sha256, redirect_uris, seals from trust.oauth_client"  # noqa: S608
        f" where {condition} and is_enabled",
        (value,),
    ).fetchone()
    if row is None:
        raise Refused("client.unknown")
    kept = None if row[2] is None else bytes(row[2])
    return Client(row[0], row[1], kept is None, tuple(row[3]), tuple(row[4])), kept
