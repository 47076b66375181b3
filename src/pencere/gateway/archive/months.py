"""The months of the log: which are there, which may go, taking one out. Owner's work only."""

import re
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from pencere.gateway.proof.reading import Connection
from pencere.kernel.errors import Conflict

_PARTS = """
select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bound
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = %s::regclass
"""
_BOUND = re.compile(r"FROM \('([^']+)'\) TO \('([^']+)'\)")
_OPEN = """
select count(*) from {part} r
left join gateway.response s on s.exchange = r.exchange and s.side = r.side
where s.exchange is null
"""
_UNSTAMPED = """
select count(*) from {part} r
join gateway.response s on s.exchange = r.exchange and s.side = r.side
where not exists (select from gateway.batch_member m where m.response_seq = s.seq)
"""
_UNORDERED = """
select count(*) from {part} r
join gateway.response s on s.exchange = r.exchange and s.side = r.side
where s.leaf_hash is not null and not exists (
    select from ledger.leaf l, ledger.checkpoint c
    where l.leaf_hash = s.leaf_hash and c.size > l.index)
"""
# Answers of this month whose request lies in a month that stays: they would be lost.
_FOREIGN = """
select count(*) from {part} s
join gateway.request r on r.exchange = s.exchange and r.side = s.side
where r.recorded_at >= %s
"""

# What the month leaves: nothing that a row still there is proved by (sql 0010 refuses that too).
_LEFT = (
    """
    delete from gateway.batch_member m where m.response_seq <= %(last)s
        and not exists (select from gateway.response r where r.seq = m.response_seq)
    """,
    """
    delete from gateway.batch_leaves l
    where not exists (select from gateway.batch_member m where m.batch = l.batch)
    """,
    """
    delete from gateway.batch b where b.id < (select max(id) from gateway.batch)
        and not exists (select from gateway.batch_member m where m.batch = b.id)
    """,
)


@dataclass(frozen=True)
class Month:
    """A partition of requests and the one of responses with the same bounds, if there is one."""

    requests: str
    responses: str | None
    since: datetime
    until: datetime


def months(connection: Connection, *, until: datetime) -> list[Month]:
    """Return the months that ended by `until`, the oldest first."""
    requests = _bounds(connection, "gateway.request")
    responses = {bound: name for name, bound in _bounds(connection, "gateway.response").items()}
    found = [
        Month(name, responses.get(bound), *bound)
        for name, bound in requests.items()
        if bound[1] <= until
    ]
    return sorted(found, key=lambda one: one.since)


def refuse_unfinished(connection: Connection, month: Month) -> None:
    """Refuse to archive what is not whole yet.

    Raises:
        Conflict: `archive.open`, exchanges without an end (the node ends them when it starts);
            `archive.unstamped`; `archive.unordered`, leaves that wait for a checkpoint.
    """
    for code, query in (
        ("archive.open", _OPEN), ("archive.unstamped", _UNSTAMPED),
        ("archive.unordered", _UNORDERED),
    ):  # fmt: skip
        count = _count(connection, query, month.requests)
        if count:
            raise Conflict(code, month=f"{month.since:%Y-%m}", count=count)


def drop(connection: Connection, month: Month) -> None:
    """Take a month out, and what only it needed; in the caller's transaction.

    Waits for a lock for five seconds only.

    Raises:
        Conflict: `archive.foreign`: answers in it belong to requests that stay.
    """
    connection.execute("set local lock_timeout = '5s'")
    last = 0
    if month.responses is not None:
        foreign = _count(connection, _FOREIGN, month.responses, month.until)
        if foreign:
            raise Conflict("archive.foreign", month=f"{month.since:%Y-%m}", count=foreign)
        last = _last(connection, month.responses)
    for parent, part in (("request", month.requests), ("response", month.responses)):
        if part is not None:
            names = {"parent": sql.Identifier("gateway", parent),
                     "part": sql.Identifier("gateway", part)}  # fmt: skip
            connection.execute(
                sql.SQL("alter table {parent} detach partition {part}").format(**names)
            )
            connection.execute(sql.SQL("drop table {part}").format(**names))
    if last:
        for statement in _LEFT:
            connection.execute(statement, {"last": last})


def _last(connection: Connection, part: str) -> int:
    query = sql.SQL("select coalesce(max(seq), 0) as last from {part}")
    row = connection.execute(query.format(part=sql.Identifier("gateway", part))).fetchone()
    assert row is not None  # noqa: S101  # an aggregate has a row
    return int(row["last"])


def _count(connection: Connection, query: str, part: str, *values: object) -> int:
    composed = sql.SQL(query).format(part=sql.Identifier("gateway", part))
    row = connection.execute(composed, values).fetchone()
    assert row is not None  # noqa: S101  # a count has a row
    return int(row["count"])


def _bounds(connection: Connection, parent: str) -> dict[str, tuple[datetime, datetime]]:
    found = {}
    for row in connection.execute(_PARTS, (parent,)).fetchall():
        bound = _BOUND.search(row["bound"])
        if bound is not None:
            values = connection.execute(
                "select %s::timestamptz as since, %s::timestamptz as until", bound.groups()
            ).fetchone()
            assert values is not None  # noqa: S101  # a select of values has a row
            found[row["name"]] = (values["since"], values["until"])
    return found
