"""Certificates and their revocation in PostgreSQL."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

import psycopg
from psycopg.rows import class_row

from pencere.kernel.errors import Conflict, Missing

Connection = psycopg.Connection[Any]


class Reason(IntEnum):
    """Why a certificate was revoked: CRLReason of RFC 5280 section 5.3.1."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    CA_COMPROMISE = 2
    AFFILIATION_CHANGED = 3
    SUPERSEDED = 4
    CESSATION_OF_OPERATION = 5
    CERTIFICATE_HOLD = 6
    PRIVILEGE_WITHDRAWN = 9


@dataclass(frozen=True)
class Status:
    """What is known of a serial number. A row never signed, or perhaps signed, says so itself.

    `revoked_at` is set for a certificate that is on hold too; its reason is then 6.
    """

    state: str
    reserved_at: datetime
    revoked_at: datetime | None
    reason: int | None
    invalid_since: datetime | None = None

    @property
    def is_held(self) -> bool:
        """Whether the certificate is on hold, and may come back."""
        return self.reason == Reason.CERTIFICATE_HOLD


@dataclass(frozen=True)
class Held:
    """A certificate of a holder, without what it says of them; revoked_at None: it is not."""

    serial: bytes
    profile: str
    issuer: str
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None


@dataclass(frozen=True)
class Event:
    """One act on a certificate, with what a list needs to know of the certificate.

    `since` is from when it is not to be relied on; `shard` the part of a divided list it is on.
    """

    number: int
    serial: bytes
    act: str
    since: datetime
    reason: int | None
    invalid_since: datetime | None
    not_after: datetime
    shard: int | None


def serial_bytes(serial: int) -> bytes:
    """Return a serial number as the 16 bytes it is kept under."""
    return serial.to_bytes(max(16, (serial.bit_length() + 7) // 8), "big")


def unrevoked(connection: Connection, profile: str, holder: str) -> list[bytes]:
    """Return the unrevoked certificates of a holder, DER, newest first."""
    rows = connection.execute(
        "select encoded from trust.certificate c where state = 'issued' and profile = %s"
        " and holder = %s and not exists (select from trust.revocation r where r.serial = c.serial)"
        " order by issued_at desc",
        (profile, holder),
    ).fetchall()
    return [bytes(row[0]) for row in rows]


def held_by(connection: Connection, holder: str) -> list[Held]:
    """Return every certificate issued to a holder, newest first."""
    with connection.cursor(row_factory=class_row(Held)) as cursor:
        return cursor.execute(
            "select c.serial, c.profile, c.issuer, c.not_before, c.not_after, r.revoked_at"
            " from trust.certificate c left join trust.revocation r using (serial)"
            " where c.state = 'issued' and c.holder = %s order by c.issued_at desc, c.profile",
            (holder,),
        ).fetchall()


def certificate(connection: Connection, serial: bytes) -> bytes:
    """Return an issued certificate by serial number, DER."""
    row = connection.execute(
        "select encoded from trust.certificate where serial = %s and state = 'issued'", (serial,)
    ).fetchone()
    if row is None:
        raise Missing("certificate.missing")
    return bytes(row[0])


def status(connection: Connection, issuer: str, serial: int) -> Status | None:
    """Return what is known of a serial number of an issuer; None when it was never used."""
    return statuses(connection, [(issuer, serial)]).get((issuer, serial))


# One statement for all that is asked in one turn of a server's loop.
STATUSES = (
    "select c.issuer, c.serial, c.state, c.reserved_at, e.since, e.reason, e.invalid_since"
    " from trust.certificate c left join lateral (select act, since, reason, invalid_since"
    "  from trust.status_event e where e.serial = c.serial order by number desc limit 1) e"
    " on e.act <> 'released' where c.serial = any(%s)"
)


def statuses(
    connection: Connection, asked: Collection[tuple[str, int]]
) -> dict[tuple[str, int], Status]:
    """Return what is known of pairs of issuer and serial number; one never used is left out."""
    rows = connection.execute(STATUSES, ([serial_bytes(serial) for _, serial in asked],))
    return {key: one for key, one in map(status_of_row, rows) if key in set(asked)}


def status_of_row(row: Sequence[Any]) -> tuple[tuple[str, int], Status]:
    """Return issuer, serial number and status from a row of `STATUSES`."""
    return (row[0], int.from_bytes(row[1], "big")), Status(*row[2:])


def record_revocation(
    connection: Connection, serial: bytes, reason: Reason, *, at: datetime
) -> None:
    """Record that a certificate is revoked, for good.

    Raises:
        Missing: no such certificate.
        Conflict: it is revoked already.
    """
    try:
        with connection.transaction():
            connection.execute(
                "insert into trust.revocation (serial, revoked_at, reason) values (%s, %s, %s)",
                (serial, at, reason),
            )
    except psycopg.errors.UniqueViolation as error:
        raise Conflict("certificate.revoked_already") from error
    except psycopg.errors.ForeignKeyViolation as error:
        raise Missing("certificate.missing") from error


def events_since(connection: Connection, issuer: str, seen: int) -> tuple[list[Event], int]:
    """Return the events of an issuer that a reader who has seen up to `seen` may lack.

    The second value is what will have been seen then. Events may come twice: whoever was slow
    to commit must not be missed, and no number says who was.
    """
    (horizon,) = only_row(
        connection, "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    )
    with connection.cursor(row_factory=class_row(Event)) as cursor:
        found = cursor.execute(
            "select e.number, e.serial, e.act, e.since, e.reason, e.invalid_since, c.not_after,"
            " c.shard from trust.status_event e join trust.certificate c using (serial)"
            " where c.issuer = %s and e.xid >= %s::text::xid8 order by e.number",
            (issuer, seen),
        ).fetchall()
    return found, horizon


def only_row(connection: Connection, query: str) -> tuple[Any, ...]:
    """Return the row of a query that always has one."""
    row: tuple[Any, ...] | None = connection.execute(query).fetchone()
    assert row is not None  # noqa: S101  # for the type checker
    return row
