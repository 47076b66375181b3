"""Writing: records locked and changes kept, each table by one statement for the whole batch."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from pencere.kernel.errors import Conflict, PencereError
from pencere.registers.chain import leaf_of
from pencere.registers.changes import Change
from pencere.registers.store import Connection, Current


async def lock(
    connection: Connection, wanted: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], Current]:
    """Return the records (register, id) for changing, until the transaction ends.

    Locked in the order of their ids, so that two batches do not wait for each other.
    """
    if not wanted:
        return {}
    rows = await connection.fetch(
        "select register, id, version, state, valid_from, recorded_at, head, data,"
        " merged_into from registers.record where id = any($1::bigint[]) and erased_at is null"
        " order by id for update",
        sorted({record for _, record in wanted}),
    )
    found = {}
    for row in rows:
        values = dict(row)
        register = values.pop("register")
        found[register, row["id"]] = Current(**{**values, "data": json.loads(row["data"])})
    return found


async def new_ids(connection: Connection, count: int) -> list[int]:
    """Take ids for new records."""
    rows = await connection.fetch(
        "select nextval('registers.record_id_seq') as id from generate_series(1, $1)", count
    )
    return [row["id"] for row in rows]


_VERSIONS = """
    insert into registers.record_version
        (record, version, schema_version, op, state, valid_from, valid_to, recorded_at, actor,
         client, purpose, basis, case_number, exchange, reason, salt, data, prev, hash,
         merged_into)
    select * from unnest($1::bigint[], $2::integer[], $3::integer[], $4::text[], $5::text[],
        $6::date[], $7::date[], $8::timestamptz[], $9::text[], $10::text[], $11::text[],
        $12::text[], $13::text[], $14::text[], $15::text[], $16::bytea[], $17::jsonb[],
        $18::bytea[], $19::bytea[], $20::bigint[])
"""

_LEAVES = """
    insert into ledger.pending (leaf_hash, kind, entry)
    select * from unnest($1::bytea[], $2::text[], $3::bytea[])
"""

_NEW = """
    insert into registers.record
        (register, id, version, state, valid_from, recorded_at, head, data)
    select * from unnest($1::smallint[], $2::bigint[], $3::integer[], $4::text[], $5::date[],
        $6::timestamptz[], $7::bytea[], $8::jsonb[])
"""

_CURRENT = """
    update registers.record r set version = u.version, state = u.state, valid_from = u.valid_from,
        recorded_at = u.recorded_at, head = u.head, data = u.data
    from unnest($1::smallint[], $2::bigint[], $3::integer[], $4::text[], $5::date[],
        $6::timestamptz[], $7::bytea[], $8::jsonb[])
        as u (register, id, version, state, valid_from, recorded_at, head, data)
    where r.id = u.id and r.register = u.register
"""

_DROP_KEYS = """
    delete from registers.record_key k
    using unnest($1::smallint[], $2::bigint[], $3::smallint[], $4::text[])
        as u (register, record, key, value)
    where k.register = u.register and k.key = u.key and k.value = u.value and k.record = u.record
"""

_RETIRE_KEYS = """
    update registers.record_key k set active = false
    from unnest($1::smallint[], $2::bigint[], $3::smallint[], $4::text[])
        as u (register, record, key, value)
    where k.register = u.register and k.key = u.key and k.value = u.value and k.record = u.record
"""

# Values of unique keys of an annulled record are free for others.
_RELEASE_KEYS = """
    update registers.record_key k set active = false, enforced = k.enforced and not u.free
    from unnest($1::bigint[], $2::smallint[], $3::boolean[]) as u (record, key, free)
    where k.record = u.record and k.key = u.key
"""

# A value the record itself had before becomes active again.
_ADD_KEYS = """
    insert into registers.record_key (register, record, key, value, active, enforced)
    select u.register, u.record, u.key, u.value, true, u.enforced
    from unnest($1::smallint[], $2::bigint[], $3::smallint[], $4::text[], $5::boolean[])
        as u (register, record, key, value, enforced)
    on conflict (register, key, value) where enforced
    do update set active = true where record_key.record = excluded.record
    returning record, key
"""

_EVENTS = """
    with e as (
        select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[],
            $6::jsonb[], $7::timestamptz[])
            with ordinality as e (system, type, record, key, person, data, at, n)
    ), way as (
        insert into registers.event_way (system) select distinct system from e
        on conflict do nothing
    )
    insert into registers.event_outbox
        (system, type, record, key, person, data, at, since, next_at)
    select system, type, record, key, person, data, at, at, at from e order by n
"""


async def keep(connection: Connection, changes: Sequence[Change]) -> None:
    """Write all changes, of which each is of another record.

    Raises:
        Conflict: `key.taken`, another record has a value; the transaction must be given up.
    """
    await _many(connection, _NEW, (_row(each) for each in changes if each.version.version == 1))
    await _many(connection, _CURRENT, (_row(each) for each in changes if each.version.version > 1))
    await _many(connection, _VERSIONS, (_version(each) for each in changes))
    await _many(
        connection,
        _LEAVES,
        (leaf_of(v.register, v.record, v.version, each.now.head)
         for each in changes for v in [each.version]),
    )  # fmt: skip
    await _keep_keys(connection, changes)
    await keep_events(connection, (event for each in changes for event in _events(each)))


@dataclass(frozen=True)
class Kept:
    """An event until the node has it; `key` is that by which the node knows it again."""

    system: str
    type: str
    record: int
    key: str
    person: str | None
    data: Mapping[str, object]
    at: datetime


async def keep_events(connection: Connection, events: Iterable[Kept]) -> None:
    """Keep events in their order."""
    await _many(
        connection,
        _EVENTS,
        ((each.system, each.type, each.record, each.key, each.person, json.dumps(each.data),
          each.at) for each in events),
    )  # fmt: skip


async def _many(
    connection: Connection, statement: str, rows: Iterable[Sequence[object]]
) -> list[asyncpg.Record]:
    columns = [list(column) for column in zip(*rows, strict=True)]
    return await connection.fetch(statement, *columns) if columns else []


def _row(change: Change) -> tuple[object, ...]:
    now = change.now
    return (change.register.number, now.id, now.version, now.state, now.valid_from,
            now.recorded_at, now.head, json.dumps(now.data))  # fmt: skip


def _version(change: Change) -> tuple[object, ...]:
    said = change.version
    return (
        said.record,
        said.version,
        said.schema_version,
        said.op,
        said.state,
        said.valid_from,
        said.valid_to,
        said.recorded_at,
        said.actor,
        said.client,
        said.purpose,
        said.basis,
        said.case,
        said.exchange,
        said.reason,
        said.salt,
        json.dumps(said.data),
        said.prev,
        change.now.head,
        said.merged_into,
    )


async def _keep_keys(connection: Connection, changes: Sequence[Change]) -> None:
    def rows(change: Change, keys: Iterable[tuple[int, str]]) -> list[tuple[object, ...]]:
        return [(change.register.number, change.version.record, *key) for key in keys]

    # First what is given up: of requests that came together none comes before the others.
    await _many(
        connection, _DROP_KEYS, (row for each in changes for row in rows(each, each.dropped))
    )
    await _many(
        connection, _RETIRE_KEYS, (row for each in changes for row in rows(each, each.retired))
    )
    await _many(
        connection,
        _RELEASE_KEYS,
        ((each.version.record, key.number, key.kind == "unique")
         for each in changes if each.annuls for key in each.register.definition.keys.values()),
    )  # fmt: skip
    added = [
        (*row, key in each.register.definition.enforced)
        for each in changes
        for row, (key, _) in zip(rows(each, each.added), each.added, strict=True)
    ]
    try:
        there = {(row["record"], row["key"]) for row in await _many(connection, _ADD_KEYS, added)}
    except asyncpg.CardinalityViolationError:
        # Two of the batch want one value. Whose it is, is found one by one.
        there = set()
    for each in changes:
        for number, _ in each.added:
            if (each.version.record, number) not in there:
                definition = each.register.definition
                names = [key.name for key in definition.keys.values() if key.number == number]
                raise Conflict("key.taken", register=definition.code, key=names[0])


def _events(change: Change) -> Iterable[Kept]:
    definition, said = change.register.definition, change.version
    system, _, _ = definition.code.partition("/")
    for event in change.events:
        yield Kept(
            f"{definition.owner}/{system}",
            event.type,
            said.record,
            f"{definition.code}/{said.record}/{said.version}/{event.type}",
            str(said.data[definition.subject]) if definition.subject else None,
            event.data,
            said.recorded_at,
        )


@dataclass(frozen=True, slots=True)
class Repeatable:
    """A request that a client may send again under the same key, and its digest."""

    client: str
    key: str
    request_sha256: bytes


Answer = list[object] | PencereError | None


async def first_answers(
    connection: Connection, asked: Sequence[Repeatable]
) -> Mapping[Repeatable, Answer]:
    """Return what each key's first use answered; None when this is the first.

    `idempotency.reused` stands for a key that was used for another request. Takes the turns of
    the keys: the same key at the same time waits here for the first to end.
    """
    if not asked:
        return {}
    # In one order everywhere, so that two batches do not wait for each other.
    await connection.execute(
        "select pg_advisory_xact_lock(turn) from (select hashtextextended(name, 0) as turn"
        " from unnest($1::text[]) as name order by 1) turns",
        [f"registers {each.client} {each.key}" for each in asked],
    )
    rows = await connection.fetch(
        "select i.client, i.key, i.request_sha256, i.results from registers.idempotency i"
        " join unnest($1::text[], $2::text[]) as u (client, key) using (client, key)",
        [each.client for each in asked],
        [each.key for each in asked],
    )
    found = {(row["client"], row["key"]): row for row in rows}
    return {each: _answer(each, found.get((each.client, each.key))) for each in asked}


def _answer(asked: Repeatable, row: asyncpg.Record | None) -> Answer:
    if row is None:
        return None
    if row["request_sha256"] != asked.request_sha256:
        return Conflict("idempotency.reused")
    results = json.loads(row["results"])
    assert isinstance(results, list)  # noqa: S101  # as keep_answers wrote it
    return results


async def keep_answers(
    connection: Connection, answers: Iterable[tuple[Repeatable, Sequence[object]]], at: datetime
) -> None:
    """Remember the first answers to keys."""
    await _many(
        connection,
        "insert into registers.idempotency (client, key, request_sha256, results, at)"
        " select * from unnest($1::text[], $2::text[], $3::bytea[], $4::jsonb[],"
        " $5::timestamptz[])",
        ((asked.client, asked.key, asked.request_sha256, json.dumps(results), at)
         for asked, results in answers),
    )  # fmt: skip
