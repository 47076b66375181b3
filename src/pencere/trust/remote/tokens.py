"""Codes and tokens of OAuth 2.0: single use, short lives, digests at rest. RFC 6749, RFC 9700.

Everything that came of one consent is a family. A code or a refresh token that is brought twice
was stolen by one of the two who brought it, so the whole family ends.
"""

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from pencere.kernel.errors import Refused
from pencere.trust.credentials import digest_of
from pencere.trust.remote import activation
from pencere.trust.remote.clients import Client
from pencere.trust.remote.consents import Granted
from pencere.trust.remote.questions import Question
from pencere.trust.remote.wrapping import WrappingKey, key_of_secret, seal, unseal
from pencere.trust.store import Connection

CODE_LIFETIME = timedelta(minutes=1)
ACCESS_LIFETIME = timedelta(hours=1)
REFRESH_LIFETIME = timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """An access token and, for a person's consent, what renews it."""

    access: str
    refresh: str | None
    expires_in: int


@dataclass(frozen=True)
class Redeemed:
    """What a code stood for."""

    question: Question
    holder: str
    own: bytes | None
    family: uuid.UUID


@dataclass(frozen=True)
class Access:
    """What an access token stands for; `holder` None: the client itself, with its `seals`."""

    client: str
    holder: str | None
    seals: tuple[str, ...]


def issue_code(
    connection: Connection, wrapping: WrappingKey | None, granted: Granted, *, at: datetime
) -> str:
    """Return an authorisation code, good for a minute and once."""
    code, sealed = secrets.token_urlsafe(32), None
    if granted.own is not None:
        if wrapping is None:
            raise Refused("grant.code")
        key = key_of_secret(wrapping, "code", code)
        sealed = seal(key, granted.own, _about(granted.question))
    connection.execute(
        "insert into trust.oauth_code (sha256, client, question, holder, credential, sealed,"
        " family, expires_at) values (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            digest_of(code),
            granted.question.client,
            json.dumps(granted.question.as_json()),
            granted.holder,
            granted.question.credential,
            sealed,
            uuid.uuid4(),
            at + CODE_LIFETIME,
        ),
    )
    return code


def redeem(  # noqa: PLR0913 -- by name
    connection: Connection,
    wrapping: WrappingKey | None,
    client: Client,
    *,
    code: str,
    redirect_uri: str,
    verifier: str | None,
    at: datetime,
) -> Redeemed:
    """Return what a code stands for and use it up; what this does is committed.

    Raises:
        Refused: `grant.code`: unknown, used, late, another client's, another address, or a
            verifier that does not fit (RFC 7636 section 4.6).
    """
    row = connection.execute(
        "update trust.oauth_code c set used_at = %s, sealed = null"
        " from (select sha256, sealed, used_at from trust.oauth_code where sha256 = %s for update)"
        " old where c.sha256 = old.sha256 returning c.question, c.holder, old.sealed, c.family,"
        " c.expires_at, old.used_at, c.client",
        (at, digest_of(code)),
    ).fetchone()
    if row is None:
        connection.commit()
        raise Refused("grant.code")
    kept, holder, sealed, family, expires, used, owner = row
    if used is not None:
        end_family(connection, family, at=at)
    connection.commit()
    question = Question.from_json(kept)
    if (
        used is not None
        or expires <= at
        or owner != client.id
        or question.redirect_uri != redirect_uri
        or not _is_verified(question.challenge, verifier)
    ):
        raise Refused("grant.code")
    own = None
    if sealed is not None:
        if wrapping is None:
            raise Refused("grant.code")
        own = unseal(key_of_secret(wrapping, "code", code), bytes(sealed), _about(question))
    return Redeemed(question, holder, own, family)


def issue(
    connection: Connection, client: str, holder: str | None, family: uuid.UUID, *, at: datetime
) -> Pair:
    """Return an access token; with a person's consent a refresh token too."""
    access = _insert(connection, "access", client, holder, family, at + ACCESS_LIFETIME)
    refresh = None
    if holder is not None:
        refresh = _insert(connection, "refresh", client, holder, family, at + REFRESH_LIFETIME)
    return Pair(access, refresh, int(ACCESS_LIFETIME.total_seconds()))


def renew(connection: Connection, client: Client, token: str, *, at: datetime) -> Pair:
    """Return new tokens for a refresh token, which is used up.

    Raises:
        Refused: `grant.refresh`.
    """
    row = connection.execute(
        "update trust.oauth_token t set ended_at = coalesce(old.ended_at, %s)"
        " from (select sha256, ended_at from trust.oauth_token where sha256 = %s for update) old"
        " where t.sha256 = old.sha256 and t.kind = 'refresh' and t.client = %s"
        " returning t.holder, t.family, t.expires_at, old.ended_at",
        (at, digest_of(token), client.id),
    ).fetchone()
    if row is None or row[3] is not None or row[2] <= at:
        if row is not None and row[3] is not None:
            end_family(connection, row[1], at=at)
        connection.commit()
        raise Refused("grant.refresh")
    connection.execute(
        "update trust.oauth_token set ended_at = %s where family = %s and ended_at is null",
        (at, row[1]),
    )
    return issue(connection, client.id, row[0], row[1], at=at)


def of_token(connection: Connection, token: str, *, at: datetime) -> Access | None:
    """Return what an access token stands for, or None."""
    row = connection.execute(
        "select t.client, t.holder, case when t.holder is null then c.seals else '{}' end"
        " from trust.oauth_token t join trust.oauth_client c on c.id = t.client"
        " where t.sha256 = %s and t.kind = 'access' and t.ended_at is null and t.expires_at > %s"
        " and c.is_enabled",
        (digest_of(token), at),
    ).fetchone()
    return Access(row[0], row[1], tuple(row[2])) if row else None


def revoke(connection: Connection, client: Client, token: str, *, at: datetime) -> None:
    """End a token; a refresh token with its family. RFC 7009: whether it was one is not said."""
    row = connection.execute(
        "update trust.oauth_token set ended_at = coalesce(ended_at, %s)"
        " where sha256 = %s and client = %s returning kind, family",
        (at, digest_of(token), client.id),
    ).fetchone()
    if row is not None and row[0] == "refresh":
        end_family(connection, row[1], at=at)
    connection.execute(
        "update trust.activation set used_at = %s, sealed = null"
        " where sha256 = %s and client = %s and used_at is null",
        (at, digest_of(token), client.id),
    )


def end_family(connection: Connection, family: uuid.UUID, *, at: datetime) -> None:
    """End everything that came of one consent."""
    connection.execute(
        "update trust.oauth_token set ended_at = %s where family = %s and ended_at is null",
        (at, family),
    )
    activation.withdraw(connection, family, at=at)


def forget_expired(connection: Connection, *, at: datetime) -> None:
    """Delete what is long over; a used code is kept for a day, so that a thief is noticed."""
    late = at - timedelta(days=1)
    connection.execute("delete from trust.oauth_code where expires_at < %s", (late,))
    connection.execute("delete from trust.oauth_token where expires_at < %s", (late,))
    connection.execute("delete from trust.pushed_request where expires_at < %s", (at,))
    connection.execute("delete from trust.signing_job where expires_at < %s", (at,))


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 section 4.2)."""
    digest = hashlib.sha256(verifier.encode("ascii", "replace")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _is_verified(challenge: str | None, verifier: str | None) -> bool:
    if challenge is None or verifier is None:
        return challenge is None and verifier is None
    return 43 <= len(verifier) <= 128 and hmac.compare_digest(challenge, challenge_of(verifier))


def _insert(  # noqa: PLR0913, PLR0917 -- the columns of a row
    connection: Connection,
    kind: str,
    client: str,
    holder: str | None,
    family: uuid.UUID,
    expires_at: datetime,
) -> str:
    token = secrets.token_urlsafe(32)
    connection.execute(
        "insert into trust.oauth_token (sha256, kind, client, holder, family, expires_at)"
        " values (%s, %s, %s, %s, %s, %s)",
        (digest_of(token), kind, client, holder, family, expires_at),
    )
    return token


def _about(question: Question) -> bytes:
    return question.digest(b"", "")
