"""Who asks, by the bearer token: a body for its seal, a client, a client for a person."""

import contextlib
from dataclasses import dataclass
from datetime import datetime

from pencere.kernel.errors import Refused
from pencere.trust import credentials
from pencere.trust.credentials import digest_of
from pencere.trust.remote import tokens
from pencere.trust.store import Connection


@dataclass(frozen=True)
class Caller:
    """What a token gives. `holder` is the person whose keys may be seen.

    `activation`: the token itself is activation data, as an OAuth 2.0 client of the scope
    `credential` may send it (CSC API v2, 8.2.4); it reaches one credential only.
    """

    client: str
    holder: str | None = None
    seals: tuple[str, ...] = ()
    activation: str | None = None
    credential: str | None = None


def of_token(connection: Connection, token: str, *, at: datetime) -> Caller:
    """Return who a bearer token speaks for.

    Raises:
        Refused: `credential.token`.
    """
    with contextlib.suppress(Refused):  # a body sealing: by far the most
        seal = credentials.of_token(connection, token)
        return Caller(seal.id, seals=(seal.id,))
    access = tokens.of_token(connection, token, at=at)
    if access is not None:
        return Caller(access.client, access.holder, access.seals)
    row = connection.execute(
        "select client, credential from trust.activation"
        " where sha256 = %s and family is not null and used_at is null and expires_at > %s",
        (digest_of(token), at),
    ).fetchone()
    if row is None:
        raise Refused("credential.token")
    return Caller(row[0], activation=token, credential=row[1])
