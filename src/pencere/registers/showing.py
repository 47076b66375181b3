"""Reading: shown and logged in one statement, for all questions that arrived together.

No answer without its row in the log, no row without its answer.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pencere.registers.caller import Caller
from pencere.registers.definition import Key
from pencere.registers.store import Connection, Found

# More than this many people, cars or children behind one key is a mistake of the asker.
MAX_FOUND = 200

_COLUMNS = {
    "register": "smallint",
    "key": "smallint",
    "value": "text",
    "annulled_too": "boolean",
    "subject": "text",
    "person": "text",
    "fields": "text",
    "at": "timestamptz",
    "client": "text",
    "actor": "text",
    "purpose": "text",
    "basis": "text",
    "case_number": "text",
    "exchange": "text",
}
_AS_OF_COLUMNS = {"valid_at": "date", "known_at": "timestamptz"}

_SHOW = """
    with asked as (
        select * from unnest({arrays}) with ordinality as asked ({columns}, n)
    ), found as materialized (
        select a.n, f.* from asked a cross join lateral ({source}) f
    ), logged as (
        insert into registers.read_log (at, register, record, version, key, client, actor, purpose,
            basis, case_number, exchange)
        select a.at, a.register, f.id, f.version, a.key, a.client, a.actor, a.purpose,
            a.basis, a.case_number, a.exchange
        from asked a left join found f using (n)
    )
    select f.n, f.id, f.version, f.state, f.valid_from, f.schema_version, f.merged_into,
        f.merged_from, (
        select coalesce(jsonb_object_agg(field.key, field.value), '{{}}'::jsonb)
        from jsonb_each(f.data) field where field.key = any(string_to_array(a.fields, e'\\n'))
    ) as data from found f join asked a using (n) order by f.n, f.id
"""

_BY_KEY = """
    select k.record from registers.record_key k
    where k.register = a.register and k.key = a.key and k.value = a.value
        and (k.active or a.annulled_too) and {which}
"""

_BY_ID = """
    select r.id as record from registers.record r
    where r.register = a.register and r.id = a.value::bigint
"""

_NOW = """
    select r.id, r.version, r.state, r.valid_from, r.data, null::integer as schema_version,
        r.merged_into, array_agg(s.record order by s.record) filter (where s.record <> r.id)
            as merged_from
    from ({source}) s
        left join registers.record m
            on m.id = s.record and m.merged_into is not null and not a.annulled_too
        join registers.record r on r.id = coalesce(m.merged_into, s.record)
    where r.erased_at is null and (r.state = 'valid' or a.annulled_too)
        and (a.subject is null or r.data ->> a.subject = a.person)
    group by r.id order by r.id limit {limit}
"""

# The newest of the versions that speak of the day. From a merged one the way goes on.
_THEN = """
    select * from registers.record_version v
    where v.record = {record} and v.recorded_at <= a.known_at and v.valid_from <= a.valid_at
        and (v.valid_to is null or v.valid_to > a.valid_at) and v.data is not null
    order by v.version desc limit 1
"""

_AS_OF = """
    select v.record as id, v.version, v.state, v.valid_from, v.data, v.schema_version,
        v.merged_into, e.merged_from
    from (
        select w.record, w.version, array_agg(s.record order by s.record)
            filter (where s.record <> w.record) as merged_from
        from ({source}) s cross join lateral (
            with recursive walk as (
                select v.record, v.version, v.merged_into, 1 as step from ({start}) v
                union all
                select v.record, v.version, v.merged_into, w.step + 1
                from walk w cross join lateral ({next}) v
                where w.merged_into is not null and not a.annulled_too and w.step < 100
            ) select * from walk order by step desc limit 1
        ) w group by w.record, w.version
    ) e join registers.record_version v using (record, version)
    where (v.state = 'valid' or a.annulled_too)
        and (a.subject is null or v.data ->> a.subject = a.person)
    order by v.record limit {limit}
"""


@dataclass(frozen=True, slots=True)
class AsOf:
    """What was so on the day `valid_at`, as it was known at `known_at`."""

    valid_at: date
    known_at: datetime


@dataclass(frozen=True)
class Question:
    """What one read asks: by a key and its folded value, or by the id of a record.

    With a `subject`, records of anybody but the caller's person are as if not there.
    """

    register: int
    key: Key | None
    value: str
    fields: Sequence[str]
    subject: str | None
    annulled_too: bool
    as_of: AsOf | None
    at: datetime
    caller: Caller

    @property
    def statement(self) -> str:
        """The SQL that answers it; questions with the same one are asked together."""
        source = (_AS_OF if self.as_of else _NOW).format(
            source=_source(self.key, annulled_too=self.annulled_too),
            limit=MAX_FOUND,
            start=_THEN.format(record="s.record"),
            next=_THEN.format(record="w.merged_into"),
        )
        columns = {**_COLUMNS, **(_AS_OF_COLUMNS if self.as_of else {})}
        arrays = (f"${n}::{kind}[]" for n, kind in enumerate(columns.values(), start=1))
        return _SHOW.format(arrays=", ".join(arrays), columns=", ".join(columns), source=source)

    def values(self) -> tuple[object, ...]:
        """Return its row of `asked`."""
        caller = self.caller
        as_of = (self.as_of.valid_at, self.as_of.known_at) if self.as_of else ()
        return (
            self.register,
            self.key.number if self.key else None,
            self.value,
            self.annulled_too,
            self.subject,
            caller.person,
            "\n".join(self.fields),
            self.at,
            caller.client,
            caller.actor,
            caller.purpose,
            caller.basis,
            caller.case,
            caller.exchange,
            *as_of,
        )


async def show(
    connection: Connection, statement: str, questions: Sequence[Question]
) -> list[list[Found]]:
    """Answer questions of one statement, each in its place, having logged that it was shown."""
    arrays = zip(*(question.values() for question in questions), strict=True)
    rows = await connection.fetch(statement, *(list(column) for column in arrays))
    answers: list[list[Found]] = [[] for _ in questions]
    for row in rows:
        data = json.loads(row["data"])
        found = Found(
            row["id"],
            row["version"],
            row["state"],
            row["valid_from"],
            data,
            row["schema_version"],
            row["merged_into"],
            tuple(row["merged_from"] or ()),
        )
        answers[row["n"] - 1].append(found)
    return answers


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
