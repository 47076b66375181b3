"""Pairs of records that look alike, kept for a clerk. Found behind a write, and by a command.

Looked for after the write is there: of two people who enter one subject at once, the later one
sees the other. What is missed when a process dies in between, the command finds.
"""

import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import psycopg

from pencere.kernel.errors import Invalid, Missing, Unavailable
from pencere.registers.caller import Caller
from pencere.registers.definition import Definition
from pencere.registers.disclosure import Register
from pencere.registers.engine import Registers
from pencere.registers.likeness import Likeness
from pencere.registers.merging import MAX_LISTED, merging_register, signature

_log = logging.getLogger("pencere.registers")

# Records behind one blocking key that are compared; more share it by chance, not by likeness.
MAX_GROUP = 200
_PIECE = 2_000


@dataclass(frozen=True, slots=True)
class Side:
    """One record of a pair, in the version that was compared."""

    id: int
    version: int
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair worth a look. `outcome`: what a clerk said of it, `same`, or nothing yet."""

    one: int
    other: int
    likeness: int
    grade: str
    outcome: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return it as the wire has it."""
        return {
            "records": [str(self.one), str(self.other)],
            "likeness": self.likeness,
            "grade": self.grade,
            "outcome": self.outcome,
        }


@dataclass(frozen=True, slots=True)
class Search:
    """What a search through a register came to: pairs compared, pairs worth a look."""

    compared: int
    alike: int
    # Values of blocking keys that more records share than are compared.
    too_common: int


async def note(registers: Registers, register: Register, records: Collection[int]) -> None:
    """Look for what is like the records just written. The write stands whatever happens here."""
    likeness = register.definition.likeness
    if likeness is None or not records:
        return
    try:
        async with registers.connection() as connection, connection.transaction():
            ids = sorted(set(records))
            keys = _numbers(register.definition, likeness)
            pairs = await connection.fetch(_NEIGHBOURS, register.number, ids, keys, MAX_GROUP)
            wanted = {each for row in pairs for each in (row["mine"], row["id"])} | set(ids)
            rows = await connection.fetch(_SIDES, sorted(wanted))
            sides = {
                row["id"]: Side(row["id"], row["version"], json.loads(row["data"])) for row in rows
            }
            there = [
                (row["mine"], row["id"]) for row in pairs if {row["mine"], row["id"]} <= set(sides)
            ]
            found = _alike(likeness, ((sides[one], sides[other]) for one, other in there))
            await connection.execute(
                _KEEP.format(*(f"${n}" for n in range(1, 9))),
                register.number,
                registers.clock.now(),
                *_columns(found),
            )
            await connection.execute(
                _FORGET, [each for each in ids if each in sides],
                [sides[each].version for each in ids if each in sides],
            )  # fmt: skip
    except (Unavailable, asyncpg.PostgresError) as error:
        _log.warning("candidates_not_found register=%s reason=%s",
                     register.definition.code, type(error).__name__)  # fmt: skip


def search(
    connection: psycopg.Connection[tuple[object, ...]],
    definition: Definition,
    at: datetime,
    progress: Callable[[int], None] = lambda _: None,
) -> Search:
    """Compare all records in force that share a blocking key, in one transaction.

    Raises:
        Missing: `likeness.none`, the definition does not say what is alike.
    """
    likeness = definition.likeness
    if likeness is None:
        raise Missing("likeness.none", register=definition.code)
    keys = _numbers(definition, likeness)
    compared = alike = 0
    with connection.transaction():
        row = connection.execute(
            "select id from registers.register where code = %s", (definition.code,)
        ).fetchone()
        if row is None:
            return Search(0, 0, 0)
        number = row[0]
        common = connection.execute(_TOO_COMMON, (number, keys, MAX_GROUP)).fetchone()
        with connection.cursor(name="pairs") as cursor:
            cursor.execute(_ALL_PAIRS, (number, keys, MAX_GROUP))
            while rows := cursor.fetchmany(_PIECE):
                found = _alike(likeness, (_sides_of(each) for each in rows))
                connection.execute(_KEEP.format(*["%s"] * 8), (number, at, *_columns(found)))
                compared += len(rows)
                alike += len(found)
                progress(len(rows))
        connection.execute(_FORGET_OLD, (number,))
    return Search(compared, alike, int(str(common[0])) if common else 0)


async def waiting(registers: Registers, code: str, caller: Caller) -> Sequence[Candidate]:
    """Return the pairs that no clerk has told apart, the most alike first; ids alone.

    Raises:
        Refused: `merge.not_allowed`.
    """
    register = merging_register(registers, code, caller)
    async with registers.connection() as connection:
        rows = await connection.fetch(_WAITING, register.number, MAX_LISTED)
    return [Candidate(**dict(row)) for row in rows]


async def judge(  # noqa: PLR0913  # an act is all of these
    registers: Registers,
    code: str,
    caller: Caller,
    *,
    records: tuple[int, int],
    outcome: str,
    reason: str,
) -> None:
    """Keep what a clerk says of a pair: `same` or `not-same`. It merges nothing.

    Raises:
        Refused: `merge.not_allowed`.
        Invalid: `header.missing`, `operation.invalid`.
        Missing: `candidate.unknown`.
    """
    register = merging_register(registers, code, caller)
    if outcome not in {"same", "not-same"}:
        raise Invalid("operation.invalid", field="outcome")
    async with registers.connection() as connection:
        kept = await connection.fetchval(
            _JUDGE, *sorted(records), register.number, outcome, *signature(caller), reason,
            registers.clock.now(),
        )  # fmt: skip
    if kept is None:
        raise Missing("candidate.unknown")


_NEIGHBOURS = """
    with mine as (
        select k.record, k.key, k.value from registers.record_key k
        where k.register = $1 and k.record = any($2::bigint[]) and k.key = any($3::smallint[])
            and k.active
    )
    select distinct m.record as mine, o.record as id
    from mine m cross join lateral (
        select o.record from registers.record_key o
        where o.register = $1 and o.key = m.key and o.value = m.value and o.active
            and not o.enforced and o.record <> m.record
        order by o.record desc limit $4
    ) o
"""

_SIDES = """
    select id, version, data from registers.record
    where id = any($1::bigint[]) and state = 'valid' and erased_at is null
"""

_GROUPS = """
    select key, value from registers.record_key
    where register = %s and key = any(%s::smallint[]) and active and not enforced
    group by key, value
"""
_TOO_COMMON = f"select count(*) from ({_GROUPS} having count(*) > %s) g"  # noqa: S608  # ours

_ALL_PAIRS = f"""
    with groups as ({_GROUPS} having count(*) <= %s), pairs as (
        select distinct a.register, a.record as one, b.record as other
        from groups g
            join registers.record_key a on a.key = g.key and a.value = g.value and not a.enforced
            join registers.record_key b on b.register = a.register and b.key = g.key
                and b.value = g.value and not b.enforced
        where a.active and b.active and a.record < b.record
    )
    select a.id, a.version, a.data, b.id, b.version, b.data
    from pairs p join registers.record a on a.id = p.one join registers.record b on b.id = p.other
    where a.state = 'valid' and b.state = 'valid'
        and a.erased_at is null and b.erased_at is null
"""  # noqa: S608  # ours

# Newer versions win, whoever comes later. `found_at` stays while the likeness does, so that what
# a clerk said of a pair holds through changes that say nothing of it.
_KEEP = """
    insert into registers.candidate as c
        (register, one, other, one_version, other_version, likeness, grade, found_at)
    select {0}::smallint, p.*, {1}::timestamptz
    from unnest({2}::bigint[], {3}::bigint[], {4}::integer[], {5}::integer[], {6}::integer[],
        {7}::text[]) as p (one, other, one_version, other_version, likeness, grade)
    order by one, other
    on conflict (one, other) do update set one_version = excluded.one_version,
        other_version = excluded.other_version, likeness = excluded.likeness,
        grade = excluded.grade, found_at = case when c.likeness = excluded.likeness
            then c.found_at else excluded.found_at end
    where excluded.one_version >= c.one_version and excluded.other_version >= c.other_version
"""

# Pairs of a version that is gone. Another writer's newer finding is of the present version.
_FORGET = """
    delete from registers.candidate c
    using unnest($1::bigint[], $2::integer[]) as m (record, version)
    where (c.one = m.record and c.one_version < m.version)
        or (c.other = m.record and c.other_version < m.version)
"""

_FORGET_OLD = """
    delete from registers.candidate c using registers.record a, registers.record b
    where c.register = %s and a.id = c.one and b.id = c.other
        and (a.version > c.one_version or b.version > c.other_version)
        and a.state = 'valid' and b.state = 'valid'
"""

_WAITING = """
    select c.one, c.other, c.likeness, c.grade, d.outcome
    from registers.candidate c
        join registers.record a on a.id = c.one and a.state = 'valid' and a.erased_at is null
        join registers.record b on b.id = c.other and b.state = 'valid' and b.erased_at is null
        left join lateral (
            select d.outcome from registers.candidate_decision d
            where d.one = c.one and d.other = c.other and d.at >= c.found_at
            order by d.id desc limit 1
        ) d on true
    where c.register = $1 and d.outcome is distinct from 'not-same'
    order by c.likeness desc, c.one, c.other limit $2
"""

_JUDGE = """
    insert into registers.candidate_decision (one, other, outcome, actor, client, purpose, basis,
        case_number, exchange, reason, at)
    select c.one, c.other, $4, $5, $6, $7, $8, $9, $10, $11, $12 from registers.candidate c
    where c.one = $1 and c.other = $2 and c.register = $3
    returning id
"""


def _numbers(definition: Definition, likeness: Likeness) -> list[int]:
    return [definition.keys[name].number for name in likeness.keys]


_Found = tuple[Side, Side, int, str]


def _alike(likeness: Likeness, pairs: Iterable[tuple[Side, Side]]) -> list[_Found]:
    found: dict[tuple[int, int], _Found] = {}
    for pair in pairs:
        one, other = sorted(pair, key=lambda side: side.id)
        measure = likeness.of(one.data, other.data)
        grade = likeness.grade(measure)
        if grade is not None:
            found[one.id, other.id] = (one, other, measure, grade)
    return list(found.values())


def _columns(found: Sequence[_Found]) -> tuple[list[object], ...]:
    rows = [
        (one.id, other.id, one.version, other.version, measure, grade)
        for one, other, measure, grade in found
    ]
    return tuple(list(column) for column in zip(*rows, strict=True)) or ([], [], [], [], [], [])


def _sides_of(row: tuple[object, ...]) -> tuple[Side, Side]:
    one, one_version, data, other, other_version, other_data = row
    assert isinstance(data, dict)  # noqa: S101  # as the columns are
    assert isinstance(other_data, dict)  # noqa: S101
    return (
        Side(int(str(one)), int(str(one_version)), data),
        Side(int(str(other)), int(str(other_version)), other_data),
    )
