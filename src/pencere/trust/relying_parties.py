"""Who may ask a phone for a signature: the portal, the office."""

import hmac
import uuid

from pencere.kernel.errors import Refused
from pencere.trust.credentials import digest_of
from pencere.trust.store import Connection


def register(connection: Connection, identifier: uuid.UUID, name: str, secret: str) -> None:
    """Register a relying party or give it a new name and secret.

    `name` is what people see on the phone; `secret` at least 32 random bytes as text.
    """
    connection.execute(
        "insert into trust.relying_party (uuid, name, secret_sha256) values (%s, %s, %s)"
        " on conflict (uuid) do update set name = excluded.name,"
        " secret_sha256 = excluded.secret_sha256",
        (identifier, name, digest_of(secret)),
    )


def authenticate(connection: Connection, identifier: uuid.UUID, secret: str) -> str:
    """Return the registered name of a relying party that knows its secret.

    Raises:
        Refused: `relying_party.unknown`, whichever of the two is wrong.
    """
    row = connection.execute(
        "select name, secret_sha256 from trust.relying_party where uuid = %s", (identifier,)
    ).fetchone()
    if row is None or not hmac.compare_digest(bytes(row[1]), digest_of(secret)):
        raise Refused("relying_party.unknown")
    return str(row[0])
