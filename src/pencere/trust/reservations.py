"""What is about to be signed, on record before it is. See `issuance` for the order of steps.

A row begins as reserved and ends as refused or issued. One that has not ended when nobody is at
work on it may have been signed, and is revoked.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from pencere.trust.store import Connection, Reason, serial_bytes

# Held by whoever issues, in the shared way; whoever holds it alone knows that nobody does.
_AT_WORK = 0x70656E63657265


@dataclass(frozen=True)
class Reservation:
    """A serial number, the exact bytes that are about to be signed, and why.

    `request_sha256` is of what asked for it; `approvals` are JSON objects that say who approved.
    """

    serial: int
    issuer: str
    profile: str
    holder: str
    tbs: bytes
    not_before: datetime
    not_after: datetime
    shard: int | None = None
    request_sha256: bytes | None = None
    approvals: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Signed:
    """A certificate and the digest it is found by."""

    serial: int
    encoded: bytes
    sha256: bytes


def begin(connection: Connection) -> None:
    """Say that this connection issues; the server forgets it when the process dies."""
    connection.execute("select pg_advisory_lock_shared(%s)", (_AT_WORK,))


def end(connection: Connection) -> None:
    """Say that this connection has done issuing, when the transaction at hand has ended."""
    connection.execute(
        "select pg_advisory_xact_lock_shared(%s), pg_advisory_unlock_shared(%s)",
        (_AT_WORK, _AT_WORK),
    )


def reserve(connection: Connection, reservations: Sequence[Reservation], *, at: datetime) -> None:
    """Put serial numbers and what will be signed under them on record."""
    write_rows(
        connection,
        "insert into trust.certificate (serial, issuer, profile, holder, tbs, not_before,"
        " not_after, reserved_at, shard, request_sha256, approvals)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            (
                serial_bytes(one.serial),
                one.issuer,
                one.profile,
                one.holder,
                one.tbs,
                one.not_before,
                one.not_after,
                at,
                one.shard,
                one.request_sha256,
                Jsonb(list(one.approvals), dumps=json.dumps),
            )
            for one in reservations
        ],
    )


def write_rows(
    connection: Connection, statement: LiteralString, rows: Sequence[tuple[object, ...]]
) -> None:
    """Execute a statement for each row; one alone is spared the pipeline that many are sent by."""
    if len(rows) == 1:
        connection.execute(statement, rows[0])
    else:
        connection.cursor().executemany(statement, rows)


def refuse(connection: Connection, serials: Sequence[int]) -> None:
    """Settle reservations whose bytes were never signed."""
    connection.execute(
        "update trust.certificate set state = 'refused' where serial = any(%s)",
        ([serial_bytes(serial) for serial in serials],),
    )


def settle(connection: Connection, certificates: Sequence[Signed], *, at: datetime) -> None:
    """Settle reservations with their certificates."""
    connection.execute(
        "update trust.certificate c set state = 'issued', encoded = g.encoded, sha256 = g.sha256,"
        " issued_at = %s from unnest(%s::bytea[], %s::bytea[], %s::bytea[])"
        " as g (serial, encoded, sha256) where c.serial = g.serial",
        (
            at,
            [serial_bytes(one.serial) for one in certificates],
            [one.encoded for one in certificates],
            [one.sha256 for one in certificates],
        ),
    )


def condemn(connection: Connection, *, before: datetime, at: datetime) -> list[bytes]:
    """Revoke what was reserved and never settled: it may have been signed. Return the serials.

    When nobody issues at this moment every such row is an orphan; else only those from `before`.
    """
    rows = connection.execute(
        "insert into trust.revocation (serial, revoked_at, reason)"
        " select serial, %s, %s from trust.certificate c where state = 'reserved'"
        " and (reserved_at < %s or (select pg_try_advisory_xact_lock(%s)))"
        " and not exists (select from trust.revocation r where r.serial = c.serial)"
        " returning serial",
        (at, Reason.CESSATION_OF_OPERATION, before, _AT_WORK),
    ).fetchall()
    return [bytes(row[0]) for row in rows]
