"""Requests to phones, as the service keeps them: one question to one phone, answered once.

The life of a session: asked, delivered to the phone, completed with one result. Time ends it
by itself: a phone that did not fetch the request is absent, a person who did not answer is
timed out. Shapes on the wire: docs/specs/mobile-signing.md.
"""

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from psycopg.rows import class_row

from pencere.kernel.errors import Conflict, Invalid, Missing, Refused
from pencere.trust import pins, store
from pencere.trust.devices import Device
from pencere.trust.store import Connection

log = logging.getLogger(__name__)

LIFETIME = timedelta(minutes=2)
FETCHED_WITHIN = timedelta(seconds=30)
KEPT_FOR = timedelta(minutes=10)
MOST_AT_ONCE = 3
CHANNEL = "trust_session"

HASH_TYPES: dict[str, hashes.HashAlgorithm] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}
Kind = Literal["authentication", "signature"]


class Result(StrEnum):
    """How a session ended, in the words of the Mobile-ID interface."""

    OK = "OK"
    USER_CANCELLED = "USER_CANCELLED"
    TIMEOUT = "TIMEOUT"
    PHONE_ABSENT = "PHONE_ABSENT"
    NOT_MID_CLIENT = "NOT_MID_CLIENT"
    SIGNATURE_HASH_MISMATCH = "SIGNATURE_HASH_MISMATCH"
    SIM_ERROR = "SIM_ERROR"  # the PIN is blocked
    DELIVERY_ERROR = "DELIVERY_ERROR"  # too many requests wait on the phone


# What a phone may say of itself; the rest the service finds out.
SAID_BY_PHONE = frozenset({Result.OK, Result.USER_CANCELLED, Result.SIM_ERROR})


@dataclass(frozen=True)
class Question:
    """What a relying party asks. `digest` is made with `hash_type`."""

    relying_party: uuid.UUID
    kind: Kind
    digest: bytes
    hash_type: str
    language: str
    display_text: str


@dataclass(frozen=True)
class Outcome:
    """A completed session; `signature` is DER and `certificate` the signer's, DER."""

    result: Result
    signature: bytes | None = None
    certificate: bytes | None = None
    hash_type: str = "SHA256"


@dataclass(frozen=True)
class Answer:
    """What the phone says; a signature (DER) comes with OK and only with it."""

    result: Result
    signature: bytes | None = None


@dataclass(frozen=True)
class Waiting:
    """A request as the phone sees it."""

    id: uuid.UUID
    kind: Kind
    relying_party: str
    display_text: str
    language: str
    digest: bytes
    hash_type: str
    created_at: datetime
    expires_at: datetime


def ask(
    connection: Connection, question: Question, device: Device | None, *, at: datetime
) -> uuid.UUID:
    """Start a session; without a phone it is completed at once."""
    if question.hash_type not in HASH_TYPES:
        raise Invalid("session.hash_type")
    if len(question.digest) != HASH_TYPES[question.hash_type].digest_size:
        raise Invalid("session.hash")
    result = None if device else Result.NOT_MID_CLIENT
    if device and len(waiting(connection, device, at=at)) >= MOST_AT_ONCE:
        result = Result.DELIVERY_ERROR
    if device and pins.tries_left(connection, device.id).get(question.kind) == 0:
        result = Result.SIM_ERROR
    session = uuid.uuid4()
    connection.execute(
        "insert into trust.session (id, relying_party, kind, device, digest, hash_type, language,"
        " display_text, created_at, expires_at, completed_at, result)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            session,
            question.relying_party,
            question.kind,
            device.id if device else None,
            question.digest,
            question.hash_type,
            question.language,
            question.display_text,
            at,
            at + LIFETIME,
            at if result else None,
            result,
        ),
    )
    if device:
        _notify(connection, device.id)
    log.info("session_asked id=%s kind=%s", session, question.kind)
    return session


def outcome(
    connection: Connection,
    session: uuid.UUID,
    *,
    relying_party: uuid.UUID,
    kind: Kind,
    at: datetime,
) -> Outcome | None:
    """Return how a session ended, or None while it runs.

    Raises:
        Missing: `session.missing`: not known, of another relying party or kind, or long over.
    """
    row = connection.execute(
        "select s.result, s.signature, s.hash_type, s.delivered_at, s.created_at, s.expires_at,"
        " case s.kind when 'signature' then d.signature_serial else d.authentication_serial end"
        " from trust.session s left join trust.device d on d.id = s.device"
        " where s.id = %s and s.relying_party = %s and s.kind = %s and s.expires_at > %s",
        (session, relying_party, kind, at - KEPT_FOR),
    ).fetchone()
    if row is None:
        raise Missing("session.missing")
    result, signature, hash_type, delivered, created, expires, serial = row
    if result == Result.OK:
        certificate = store.certificate(connection, bytes(serial))
        return Outcome(Result.OK, bytes(signature), certificate, hash_type)
    if result is None:
        result = _ended_by_time(delivered=delivered, created=created, expires=expires, at=at)
        if result is None:
            return None
        _complete(connection, session, result, None, at=at)
    return Outcome(Result(result))


def waiting(connection: Connection, device: Device, *, at: datetime) -> list[Waiting]:
    """Return the requests that wait for an answer of this phone, oldest first."""
    with connection.cursor(row_factory=class_row(Waiting)) as cursor:
        return cursor.execute(
            "select s.id, s.kind, r.name as relying_party, s.display_text, s.language, s.digest,"
            " s.hash_type, s.created_at, s.expires_at"
            " from trust.session s join trust.relying_party r on r.uuid = s.relying_party"
            " where s.device = %s and s.result is null and s.expires_at > %s"
            " and (s.delivered_at is not null or s.created_at > %s) order by s.created_at, s.id",
            (device.id, at, at - FETCHED_WITHIN),
        ).fetchall()


def mark_delivered(connection: Connection, sessions: list[uuid.UUID], *, at: datetime) -> None:
    """Note that the phone has fetched these requests."""
    connection.execute(
        "update trust.session set delivered_at = %s where id = any(%s) and delivered_at is null",
        (at, sessions),
    )


def answer(
    connection: Connection,
    device: Device,
    session: uuid.UUID,
    answer: Answer,
    *,
    at: datetime,
) -> None:
    """Take the phone's answer; a signature is verified before it counts.

    Raises:
        Missing: `session.missing`, not a request to this phone.
        Conflict: `session.answered` or `session.expired`.
        Invalid: `session.signature`, false; the session is completed with
            SIGNATURE_HASH_MISMATCH. `session.certificate`, revoked meanwhile. `session.result`.
        Refused: `session.pin`, no PIN was right for this request.
    """
    row = connection.execute(
        "select kind, digest, hash_type, result, expires_at from trust.session"
        " where id = %s and device = %s for update",
        (session, device.id),
    ).fetchone()
    if row is None:
        raise Missing("session.missing")
    kind, digest, hash_type, earlier, expires = row
    signature = answer.signature
    if earlier is not None:
        raise Conflict("session.answered")
    if at >= expires:
        _complete(connection, session, Result.TIMEOUT, None, at=at)
        connection.commit()
        raise Conflict("session.expired")
    if answer.result not in SAID_BY_PHONE or (answer.result is Result.OK) != bool(signature):
        raise Invalid("session.result")
    if signature is None:
        _complete(connection, session, answer.result, None, at=at)
        return
    if pins.is_counted_here(connection, device.id) and not pins.has_passed(connection, session):
        raise Refused("session.pin")
    certificate = _certificate_in_force(connection, device, kind)
    if certificate is None:
        _complete(connection, session, Result.NOT_MID_CLIENT, None, at=at)
        connection.commit()
        raise Invalid("session.certificate")
    if not is_signed(certificate, bytes(digest), hash_type, signature):
        _complete(connection, session, Result.SIGNATURE_HASH_MISMATCH, None, at=at)
        connection.commit()
        raise Invalid("session.signature")
    _complete(connection, session, Result.OK, signature, at=at)


def refuse_other(connection: Connection, device: Device, session: uuid.UUID, kind: Kind) -> None:
    """Refuse a request that is not this phone's, or for the other key.

    Raises:
        Missing: `session.missing`.
    """
    row = connection.execute(
        "select exists (select from trust.session where id = %s and device = %s and kind = %s"
        " and result is null)",
        (session, device.id, kind),
    ).fetchone()
    if not (row and row[0]):
        raise Missing("session.missing")


def block(connection: Connection, device: Device, kind: Kind, *, at: datetime) -> None:
    """End what waits for a key whose PIN is blocked."""
    for one in waiting(connection, device, at=at):
        if one.kind == kind:
            _complete(connection, one.id, Result.SIM_ERROR, None, at=at)


def is_signed(
    certificate: x509.Certificate, digest: bytes, hash_type: str, signature: bytes
) -> bool:
    """Say whether the signature over the digest was made with the certificate's key.

    ECDSA as a DER Ecdsa-Sig-Value; RSA, of keys in the centre, as PKCS#1 v1.5.
    """
    key, hashed = certificate.public_key(), utils.Prehashed(HASH_TYPES[hash_type])
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(hashed))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, padding.PKCS1v15(), hashed)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _certificate_in_force(
    connection: Connection, device: Device, kind: str
) -> x509.Certificate | None:
    serial = device.signature_serial if kind == "signature" else device.authentication_serial
    certificate = x509.load_der_x509_certificate(store.certificate(connection, serial))
    status = store.status(connection, "issuing-person", certificate.serial_number)
    return None if status is None or status.revoked_at is not None else certificate


def _ended_by_time(
    *, delivered: datetime | None, created: datetime, expires: datetime, at: datetime
) -> Result | None:
    if delivered is None and at >= created + FETCHED_WITHIN:
        return Result.PHONE_ABSENT
    return Result.TIMEOUT if at >= expires else None


def _complete(
    connection: Connection,
    session: uuid.UUID,
    result: str,
    signature: bytes | None,
    *,
    at: datetime,
) -> None:
    connection.execute(
        "update trust.session set result = %s, signature = %s, completed_at = %s"
        " where id = %s and result is null",
        (result, signature, at, session),
    )
    _notify(connection, session)
    log.info("session_completed id=%s result=%s", session, result)


def _notify(connection: Connection, about: uuid.UUID) -> None:
    connection.execute("select pg_notify(%s, %s)", (CHANNEL, str(about)))


def forget_expired(connection: Connection, *, at: datetime) -> None:
    """Delete sessions that are over; what was signed lies with the relying party."""
    connection.execute("delete from trust.session where expires_at < %s", (at - KEPT_FOR,))


def as_json(waiting: Waiting) -> dict[str, Any]:
    """Return a request as it goes to the phone, but for the bytes of its digest."""
    return {
        "id": str(waiting.id),
        "kind": waiting.kind,
        "relyingParty": waiting.relying_party,
        "text": waiting.display_text,
        "language": waiting.language,
        "hashType": waiting.hash_type,
        "createdAt": waiting.created_at.isoformat(),
        "expiresAt": waiting.expires_at.isoformat(),
    }
