"""A record as the engine holds it, and the SQL of stored versions and numbers.

Reading is `showing`, writing `keeping`.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from asyncpg.pool import PoolConnectionProxy

from pencere.kernel.errors import Missing
from pencere.registers.numbering import Series

Connection = PoolConnectionProxy


@dataclass(frozen=True, slots=True)
class Found:
    """A record as the database has it, before anybody may see it."""

    id: int
    version: int
    state: str
    valid_from: date
    data: Mapping[str, object]
    # Of the definition the data is a form of; None: the newest.
    schema_version: int | None = None
    # What it was merged into; the records by whose keys it was found.
    merged_into: int | None = None
    merged_from: tuple[int, ...] = ()


@dataclass(frozen=True)
class Current:
    """A record as it stands, locked until the transaction ends."""

    id: int
    version: int
    state: str
    valid_from: date
    recorded_at: datetime
    head: bytes
    data: Mapping[str, object]
    schema_version: int | None = None
    merged_into: int | None = None
    merged_from: tuple[int, ...] = ()


async def version_of(connection: Connection, record: int, version: int) -> Found:
    """Return a stored version, which must be there.

    Raises:
        Missing: `record.unknown`, it was erased since.
    """
    row = await connection.fetchrow(
        "select state, valid_from, data, schema_version, merged_into"
        " from registers.record_version"
        " where record = $1 and version = $2",
        record,
        version,
    )
    assert row is not None  # noqa: S101  # the idempotency row was written with it
    if row["data"] is None:
        raise Missing("record.unknown")
    data = json.loads(row["data"])
    return Found(record, version, row["state"], row["valid_from"], data, row["schema_version"],
        row["merged_into"])  # fmt: skip


async def lock_series(connection: Connection, registers: Collection[int]) -> dict[int, Series]:
    """Return where the numbers of the registers stand; other transactions wait for this one."""
    if not registers:
        return {}
    rows = await connection.fetch(
        "insert into registers.number_series as s (register, next)"
        " select register, 0 from unnest($1::smallint[]) as register"
        " on conflict (register) do update set next = s.next returning register, next",
        sorted(registers),
    )
    return {row["register"]: Series(row["next"]) for row in rows}


async def keep_series(connection: Connection, series: Mapping[int, Series]) -> None:
    """Write how far the numbers were given out."""
    if series:
        await connection.execute(
            "update registers.number_series s set next = u.next"
            " from unnest($1::smallint[], $2::bigint[]) as u (register, next)"
            " where s.register = u.register",
            list(series),
            [each.next for each in series.values()],
        )
