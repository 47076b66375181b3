"""A person agrees to the use of a key: with its PIN, and then with their phone.

What the PIN opened waits, sealed under the secret of the page, until the phone has confirmed;
the phone signs a digest of the whole question. Neither alone moves anything on.
"""

import json
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from pencere.kernel.errors import Refused
from pencere.trust import store
from pencere.trust.credentials import digest_of
from pencere.trust.devices import Device
from pencere.trust.remote import phone, vault
from pencere.trust.remote.phone import Asked
from pencere.trust.remote.questions import Question
from pencere.trust.remote.texts import phrase
from pencere.trust.remote.wrapping import WrappingKey, key_of_secret, seal, unseal
from pencere.trust.sessions import Result
from pencere.trust.store import Connection

LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True)
class Consent:
    """A question on its way. `session` is the request on the phone, once there is one."""

    sha256: bytes
    question: Question
    holder: str | None
    session: uuid.UUID | None
    sealed: bytes | None
    expires_at: datetime


@dataclass(frozen=True)
class Granted:
    """What a person agreed to; `own` opens the key, None with the scope `service`."""

    question: Question
    holder: str
    own: bytes | None


def begin(
    connection: Connection, question: Question, *, kind: str, browser: str | None, at: datetime
) -> str:
    """Keep a question and return the secret that it is known by from now on.

    `kind` is `page` (with the secret of the browser's cookie) or `handle`.
    """
    secret, holder = secrets.token_urlsafe(32), None
    if question.credential is not None:
        holder = vault.find(connection, question.credential).holder
    connection.execute(
        "insert into trust.consent (sha256, kind, client, question, holder, credential,"
        " browser_sha256, created_at, expires_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            digest_of(secret),
            kind,
            question.client or None,
            json.dumps(question.as_json()),
            holder,
            question.credential,
            None if browser is None else digest_of(browser),
            at,
            at + LIFETIME,
        ),
    )
    return secret


def load(
    connection: Connection, secret: str, *, kind: str, browser: str | None, at: datetime
) -> Consent:
    """Return a question that is still open, to the browser that began it and to nobody else.

    Raises:
        Refused: `consent.over`, whatever the reason.
    """
    row = connection.execute(
        "select sha256, question, holder, session, sealed, expires_at from trust.consent"
        " where sha256 = %s and kind = %s and browser_sha256 is not distinct from %s"
        " and ended_at is null and expires_at > %s",
        (digest_of(secret), kind, None if browser is None else digest_of(browser), at),
    ).fetchone()
    if row is None:
        raise Refused("consent.over")
    sealed = None if row[4] is None else bytes(row[4])
    return Consent(bytes(row[0]), Question.from_json(row[1]), row[2], row[3], sealed, row[5])


def ask_signer(  # noqa: PLR0913 -- by name
    connection: Connection,
    wrapping: WrappingKey,
    consent: Consent,
    secret: str,
    *,
    pin: str,
    at: datetime,
) -> Asked:
    """Open the key with the PIN, then ask the phone of its person.

    Raises:
        Refused: what `vault.open_with_pin` raises; `remote.certificate`, `remote.phone`.
    """
    credential = vault.find(connection, consent.question.credential or "")
    refuse_not_in_force(connection, credential.serial, at=at)
    own = vault.open_with_pin(connection, wrapping, credential.id, pin)
    key = key_of_secret(wrapping, "consent", secret)
    sealed = seal(key, own, consent.sha256 + credential.id.encode())
    device = phone.phone_of(connection, credential.holder)
    return _ask_phone(connection, consent, credential.holder, device, sealed, at=at)


def ask_person(
    connection: Connection, consent: Consent, holder: str, device: Device | None, *, at: datetime
) -> Asked:
    """Ask a person who named themselves whether the client may see their keys.

    Five persons may be named for one question: the page is no way to ring at every phone.

    Raises:
        Refused: `remote.phone`, `consent.over`.
    """
    done = connection.execute(
        "update trust.consent set tries_left = tries_left - 1 where sha256 = %s and tries_left > 0",
        (consent.sha256,),
    )
    connection.commit()
    if done.rowcount != 1:
        raise Refused("consent.over")
    return _ask_phone(connection, consent, holder, device, None, at=at)


def settle(
    connection: Connection,
    wrapping: WrappingKey | None,
    consent: Consent,
    secret: str,
    *,
    at: datetime,
) -> Granted | None:
    """Return what was agreed to, once; None while the phone has not answered.

    Raises:
        Refused: `remote.refused`, `remote.unanswered`: the question can be put again while it
            lasts, but for a refusal; `remote.phone`; `consent.over`.
    """
    if consent.session is None or consent.holder is None:
        raise Refused("consent.over")
    result = phone.outcome(connection, consent.session, at=at)
    if result is None:
        return None
    if result is not Result.OK:
        _take_back(connection, consent, is_over=result is Result.USER_CANCELLED, at=at)
        connection.commit()
        raise Refused(_CODES.get(result, "remote.phone"))
    done = connection.execute(
        "update trust.consent set ended_at = %s, sealed = null"
        " where sha256 = %s and session = %s and ended_at is null",
        (at, consent.sha256, consent.session),
    )
    if done.rowcount != 1:
        raise Refused("consent.over")
    own = None
    if consent.question.scope == "credential":
        if wrapping is None or consent.sealed is None:
            raise Refused("consent.over")
        about = consent.sha256 + (consent.question.credential or "").encode()
        own = unseal(key_of_secret(wrapping, "consent", secret), consent.sealed, about)
    return Granted(consent.question, consent.holder, own)


def refuse(connection: Connection, consent: Consent, *, at: datetime) -> None:
    """End a question because the person does not want it."""
    _take_back(connection, consent, is_over=True, at=at)


def refuse_not_in_force(connection: Connection, serial: bytes, *, at: datetime) -> None:
    """Return if a person's certificate is valid now, neither revoked nor on hold.

    Raises:
        Refused: `remote.certificate`.
    """
    row = connection.execute(
        "select issuer, not_before, not_after from trust.certificate"
        " where serial = %s and state = 'issued'",
        (serial,),
    ).fetchone()
    if row is None or not row[1] <= at <= row[2]:
        raise Refused("remote.certificate")
    status = store.status(connection, row[0], int.from_bytes(serial, "big"))
    if status is None or status.revoked_at is not None:
        raise Refused("remote.certificate")


def forget_expired(connection: Connection, *, at: datetime) -> None:
    """Delete questions that are over."""
    connection.execute("delete from trust.consent where expires_at < %s", (at,))


_CODES = {
    Result.USER_CANCELLED: "remote.refused",
    Result.TIMEOUT: "remote.unanswered",
    Result.PHONE_ABSENT: "remote.unanswered",
}


def _ask_phone(  # noqa: PLR0913 -- by name
    connection: Connection,
    consent: Consent,
    holder: str,
    device: Device | None,
    sealed: bytes | None,
    *,
    at: datetime,
) -> Asked:
    question = consent.question
    key = "sign" if question.scope == "credential" else "access"
    text = phrase(
        "phone", key, question.language, client=question.client_name, count=len(question.digests)
    )
    asked = phone.confirm(
        connection,
        device,
        digest=question.digest(consent.sha256, holder),
        text=text,
        language=question.language,
        at=at,
    )
    done = connection.execute(
        "update trust.consent set holder = %s, session = %s, sealed = %s"
        " where sha256 = %s and ended_at is null",
        (holder, asked.session, sealed, consent.sha256),
    )
    if done.rowcount != 1:
        raise Refused("consent.over")
    return asked


def _take_back(connection: Connection, consent: Consent, *, is_over: bool, at: datetime) -> None:
    connection.execute(
        "update trust.consent set sealed = null, session = null, ended_at = %s where sha256 = %s"
        " and ended_at is null",
        (at if is_over else None, consent.sha256),
    )
