"""The SQL of registers: every statement the engine sends, on asyncpg connections."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from asyncpg.pool import PoolConnectionProxy

from pencere.kernel.errors import Conflict
from pencere.registers.caller import Caller
from pencere.registers.chain import Version, leaf_of
from pencere.registers.definition import Key
from pencere.registers.records import Record

Connection = PoolConnectionProxy

# More than this many people, cars or children behind one key is a mistake of the asker.
MAX_FOUND = 200

_FIELDS = """
    select id, version, state, valid_from, (
        select coalesce(jsonb_object_agg(field.key, field.value), '{}'::jsonb)
        from jsonb_each(data) field where field.key = any($4::text[])
    ) as data from found order by id
"""

# Shown and logged in one statement: no answer without its row, no row without its answer.
_LOG = """
    insert into registers.read_log
        (at, register, record, version, key, client, actor, purpose, basis, case_number, exchange)
    select $5::timestamptz, $1::smallint, id, version, $2::smallint, $6::text, $7::text, $8::text,
        $9::text, $10::text, $11::text
    from (select id, version from found
        union all select null, null where not exists (select from found)) shown
"""

_BY_KEY = """
    select k.record from registers.record_key k
    where k.register = $1 and k.key = $2 and k.value = $3 and (k.active or $12) and {which}
"""

_BY_ID = """
    select r.id as record from registers.record r
    where r.register = $1 and r.id = $3::text::bigint and $2::smallint is null
"""

_NOW = """
    select r.id, r.version, r.state, r.valid_from, r.data
    from ({source}) s join registers.record r on r.id = s.record
    where (r.state = 'valid' or $12) and ($13::text is null or r.data ->> $13 = $14)
    order by r.id limit {limit}
"""

_AS_OF = """
    select v.record as id, v.version, v.state, v.valid_from, v.data
    from ({source}) s cross join lateral (
        select * from registers.record_version v
        where v.record = s.record and v.recorded_at <= $16 and v.valid_from <= $15
            and (v.valid_to is null or v.valid_to > $15)
        order by v.version desc limit 1
    ) v
    where (v.state = 'valid' or $12) and ($13::text is null or v.data ->> $13 = $14)
    order by v.record limit {limit}
"""


@dataclass(frozen=True, slots=True)
class AsOf:
    """What was so on the day `valid_at`, as it was known at `known_at`."""

    valid_at: date
    known_at: datetime


@dataclass(frozen=True)
class Question:
    """What one read asks: by a key and its folded value, or by the id of a record."""

    register: int
    key: Key | None
    value: str
    fields: Sequence[str]
    subject: str | None
    annulled_too: bool
    as_of: AsOf | None
    at: datetime


async def show(connection: Connection, question: Question, caller: Caller) -> list[Record]:
    """Return what the caller may see, having logged that it was shown.

    With a `subject`, records of anybody but the caller's person are as if not there.
    """
    found = (_AS_OF if question.as_of else _NOW).format(
        source=_source(question.key, annulled_too=question.annulled_too), limit=MAX_FOUND
    )
    as_of = (question.as_of.valid_at, question.as_of.known_at) if question.as_of else ()
    rows = await connection.fetch(
        f"with found as materialized ({found}), logged as ({_LOG}) {_FIELDS}",
        question.register,
        question.key.number if question.key else None,
        question.value,
        question.fields,
        question.at,
        caller.client,
        caller.actor,
        caller.purpose,
        caller.basis,
        caller.case,
        caller.exchange,
        question.annulled_too,
        question.subject,
        caller.person,
        *as_of,
    )
    return [
        Record(
            row["id"],
            row["version"],
            row["state"],
            row["valid_from"],
            ordered(json.loads(row["data"]), question.fields),
        )
        for row in rows
    ]


def _source(key: Key | None, *, annulled_too: bool) -> str:
    # Each branch names the condition of one partial index, or PostgreSQL would use neither.
    if key is None:
        return _BY_ID
    enforced = _BY_KEY.format(which="k.enforced")
    released = _BY_KEY.format(which="not k.enforced")
    if key.kind in {"lookup", "blocking"}:
        return released
    if key.kind == "unique" and annulled_too:
        return f"{enforced} union all {released}"
    return enforced


def ordered(data: Mapping[str, object], fields: Sequence[str]) -> dict[str, object]:
    """Return the named fields that are there, in the order of the names."""
    return {field: data[field] for field in fields if field in data}


@dataclass(frozen=True)
class Current:
    """A record as it stands, locked until the transaction ends."""

    id: int
    version: int
    state: str
    valid_from: date
    recorded_at: datetime
    head: bytes
    data: dict[str, object]


async def lock(connection: Connection, register: int, record: int) -> Current | None:
    """Return the record for changing, or None when there is none."""
    row = await connection.fetchrow(
        "select id, version, state, valid_from, recorded_at, head, data from registers.record"
        " where id = $1 and register = $2 for update",
        record,
        register,
    )
    return Current(**{**dict(row), "data": json.loads(row["data"])}) if row else None


async def next_record_id(connection: Connection) -> int:
    """Take an id for a new record."""
    taken = await connection.fetchval("select nextval('registers.record_id_seq')")
    return int(taken)


_INSERT_RECORD = """
    insert into registers.record
        (id, register, version, state, valid_from, recorded_at, head, data)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
"""

_UPDATE_RECORD = """
    update registers.record
    set version = $3, state = $4, valid_from = $5, recorded_at = $6, head = $7, data = $8
    where id = $1 and register = $2
"""

_INSERT_VERSION = """
    insert into registers.record_version
        (record, version, schema_version, op, state, valid_from, valid_to, recorded_at, actor,
         client, purpose, basis, case_number, exchange, reason, salt, data, prev, hash)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
"""


async def store_version(connection: Connection, version: Version, digest: bytes) -> None:
    """Write a version, whose hash is `digest`, and its leaf."""
    await connection.execute(
        _INSERT_VERSION,
        version.record,
        version.version,
        version.schema_version,
        version.op,
        version.state,
        version.valid_from,
        version.valid_to,
        version.recorded_at,
        version.actor,
        version.client,
        version.purpose,
        version.basis,
        version.case,
        version.exchange,
        version.reason,
        version.salt,
        json.dumps(version.data),
        version.prev,
        digest,
    )
    await connection.execute(
        "insert into ledger.pending (leaf_hash, kind, entry) values ($1, $2, $3)",
        *leaf_of(version.register, version.record, version.version, digest),
    )


async def store_current(connection: Connection, register: int, now: Current, *, new: bool) -> None:
    """Write what is so now."""
    await connection.execute(
        _INSERT_RECORD if new else _UPDATE_RECORD,
        now.id,
        register,
        now.version,
        now.state,
        now.valid_from,
        now.recorded_at,
        now.head,
        json.dumps(now.data),
    )


async def add_keys(
    connection: Connection, register: int, record: int, rows: Sequence[tuple[int, str, bool]]
) -> list[int]:
    """Add keys as (number, value, enforced); return the numbers of those another record has.

    A value the record itself had before becomes active again.
    """
    added = await connection.fetch(
        """
        insert into registers.record_key (register, key, value, record, active, enforced)
        select $1, u.key, u.value, $2, true, u.enforced
        from unnest($3::smallint[], $4::text[], $5::boolean[]) as u (key, value, enforced)
        on conflict (register, key, value) where enforced
        do update set active = true where record_key.record = excluded.record
        returning key
        """,
        register,
        record,
        [number for number, _, _ in rows],
        [value for _, value, _ in rows],
        [enforced for _, _, enforced in rows],
    )
    there = {row["key"] for row in added}
    return [number for number, _, _ in rows if number not in there]


async def drop_key(
    connection: Connection, register: int, record: int, dropped: tuple[int, str], *, keep: bool
) -> None:
    """Take away (number, value) that the record no longer has; kept, it stays barred for others."""
    action = (
        "update registers.record_key set active = false"
        if keep
        else "delete from registers.record_key"
    )
    await connection.execute(
        f"{action} where register = $1 and key = $3 and value = $4 and record = $2",
        register,
        record,
        *dropped,
    )


async def release_keys(connection: Connection, record: int, unique: Sequence[int]) -> None:
    """Make the keys of an annulled record inactive; those numbered `unique` are free for others."""
    await connection.execute(
        "update registers.record_key set active = false,"
        " enforced = enforced and not key = any($2::smallint[]) where record = $1",
        record,
        unique,
    )


async def take_number(connection: Connection, register: int) -> int:
    """Return the index of the next number; another transaction waits until this one ends."""
    index = await connection.fetchval(
        "insert into registers.number_series as s (register, next) values ($1, 1)"
        " on conflict (register) do update set next = s.next + 1 returning s.next - 1",
        register,
    )
    return int(index)


@dataclass(frozen=True, slots=True)
class Repeatable:
    """A request that a client may send again under the same key, and its digest."""

    client: str
    key: str
    request_sha256: bytes


async def first_answer(connection: Connection, asked: Repeatable) -> list[object] | None:
    """Return the results of the first use of a key, or None when this is the first.

    Takes the key's turn: the same key at the same time waits here for the first to end.

    Raises:
        Conflict: `idempotency.reused`, the key was used for another request.
    """
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended($1, 0))",
        f"registers {asked.client} {asked.key}",
    )
    row = await connection.fetchrow(
        "select request_sha256, results from registers.idempotency where client = $1 and key = $2",
        asked.client,
        asked.key,
    )
    if row is None:
        return None
    if row["request_sha256"] != asked.request_sha256:
        raise Conflict("idempotency.reused")
    results = json.loads(row["results"])
    assert isinstance(results, list)  # noqa: S101  # as keep_answer wrote it
    return results


async def keep_answer(
    connection: Connection, asked: Repeatable, results: Sequence[object], at: datetime
) -> None:
    """Remember the first answer to a key."""
    await connection.execute(
        "insert into registers.idempotency (client, key, request_sha256, results, at)"
        " values ($1, $2, $3, $4, $5)",
        asked.client,
        asked.key,
        asked.request_sha256,
        json.dumps(results),
        at,
    )


async def version_of(
    connection: Connection, record: int, version: int
) -> tuple[str, date, dict[str, object]]:
    """Return state, valid_from and data of a stored version."""
    row = await connection.fetchrow(
        "select state, valid_from, data from registers.record_version"
        " where record = $1 and version = $2",
        record,
        version,
    )
    assert row is not None  # noqa: S101  # the idempotency row was written with it
    return row["state"], row["valid_from"], json.loads(row["data"])


async def keep_event(  # noqa: PLR0913  # an event is all of these
    connection: Connection,
    *,
    system: str,
    type: str,  # noqa: A002  # the word of the protocol
    record: int,
    key: str,
    person: str | None,
    data: Mapping[str, object],
    at: datetime,
) -> None:
    """Keep an event until the node has it."""
    await connection.execute(
        "with way as (insert into registers.event_way (system) values ($1) on conflict do nothing)"
        " insert into registers.event_outbox"
        " (system, type, record, key, person, data, at, since, next_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $7, $7)",
        system, type, record, key, person, json.dumps(data), at,
    )  # fmt: skip
