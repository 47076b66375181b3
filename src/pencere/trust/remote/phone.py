"""The person's phone as the second factor: it shows a code, or confirms by its signature.

The centre asks as a relying party of its own, over the very sessions of mobile signing
(`trust.sessions`): the phone signs with the person's authentication key over a digest of what
is asked, and the signature is verified before it counts.
"""

import hmac
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime

from pencere.kernel.errors import Refused
from pencere.trust import devices, relying_parties, sessions
from pencere.trust.devices import Device
from pencere.trust.mobile import verification_code
from pencere.trust.remote.texts import phrase
from pencere.trust.remote.wrapping import WrappingKey
from pencere.trust.sessions import Question, Result
from pencere.trust.store import Connection

# The centre as a relying party of its own phones; the id is fixed, nobody else has its secret.
PARTY = uuid.UUID("6a1c3f0e-5c0b-5d6e-9a43-0f1d9b0c7e21")
CODE_DIGITS = 6
CODE_TRIES = 3
LONGEST_TEXT = 200


@dataclass(frozen=True)
class Asked:
    """A request on its way to a phone; page and phone show the same `verification_code`."""

    session: uuid.UUID
    verification_code: str


def confirm(  # noqa: PLR0913 -- by name
    connection: Connection,
    device: Device | None,
    *,
    digest: bytes,
    text: str,
    language: str,
    at: datetime,
) -> Asked:
    """Ask a phone to confirm `digest` by a signature; without a phone it fails at once."""
    _ensure_party(connection)
    question = Question(PARTY, "authentication", digest, "SHA256", language, text[:LONGEST_TEXT])
    session = sessions.ask(connection, question, device, at=at)
    return Asked(session, verification_code(digest))


def outcome(connection: Connection, session: uuid.UUID, *, at: datetime) -> Result | None:
    """Return how a request ended, or None while the person has not answered."""
    found = sessions.outcome(connection, session, relying_party=PARTY, kind="authentication", at=at)
    return found.result if found else None


def phone_of(connection: Connection, holder: str) -> Device | None:
    """Return the phone of a person with certificates in force."""
    row = connection.execute(
        "select phone from trust.device where holder = %s and closed_at is null"
        " order by registered_at desc limit 1",
        (holder,),
    ).fetchone()
    return devices.find(connection, holder, row[0]) if row else None


def send_code(  # noqa: PLR0913 -- by name
    connection: Connection,
    wrapping: WrappingKey,
    *,
    credential: str,
    device: Device | None,
    client: str,
    language: str,
    at: datetime,
) -> None:
    """Show a single-use code on the person's phone; refusing it there makes it useless.

    Raises:
        Refused: `remote.phone`: the person has no phone, or too much waits on it.
    """
    code = "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS))
    text = phrase("phone", "code", language, code=code, client=client)
    asked = confirm(
        connection, device, digest=secrets.token_bytes(32), text=text, language=language, at=at
    )
    if outcome(connection, asked.session, at=at) is not None:
        raise Refused("remote.phone")
    connection.execute(
        "insert into trust.phone_code (session, credential, mac, tries_left)"
        " values (%s, %s, %s, %s)",
        (asked.session, credential, _mac(wrapping, asked.session, code), CODE_TRIES),
    )


def use_code(
    connection: Connection, wrapping: WrappingKey, credential: str, code: str, *, at: datetime
) -> None:
    """Use up the newest code of a credential; every try is committed.

    Raises:
        Refused: `remote.code_wrong`: no such code, too late, refused on the phone, used, or
            the third wrong try.
    """
    row = connection.execute(
        "update trust.phone_code c set tries_left = tries_left - 1 from trust.session s"
        " where s.id = c.session and c.session = ("
        "  select c.session from trust.phone_code c join trust.session s on s.id = c.session"
        "  where c.credential = %s order by s.created_at desc limit 1)"
        " and c.tries_left > 0 and c.used_at is null and s.expires_at > %s"
        " and (s.result is null or s.result = 'OK') returning c.session, c.mac",
        (credential, at),
    ).fetchone()
    connection.commit()
    if row is None or not hmac.compare_digest(bytes(row[1]), _mac(wrapping, row[0], code[:32])):
        raise Refused("remote.code_wrong")
    done = connection.execute(
        "update trust.phone_code set used_at = %s where session = %s and used_at is null",
        (at, row[0]),
    )
    connection.commit()
    if done.rowcount != 1:
        raise Refused("remote.code_wrong")


def _mac(wrapping: WrappingKey, session: uuid.UUID, code: str) -> bytes:
    return wrapping.derive("code", session.bytes, code.encode())


def _ensure_party(connection: Connection) -> None:
    known = connection.execute(
        "select 1 from trust.relying_party where uuid = %s", (PARTY,)
    ).fetchone()
    if known is None:
        name = phrase("phone", "party", "az")
        relying_parties.register(connection, PARTY, name, secrets.token_urlsafe(32))
