"""The SQL of the outbox: whose turn it is, and what came of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg

from pencere.registers.event_port import Event
from pencere.registers.store import Connection

# As long as the gateway itself tries to deliver (docs/specs/messages.md).
DEAD_AFTER = timedelta(days=7)
# A closed way is looked at often: one request for a whole system.
_WAY_FIRST, _WAY_LONGEST = timedelta(seconds=1), timedelta(minutes=5)
# An event that is refused by itself costs a request each: seldom.
_EVENT_FIRST, _EVENT_LONGEST = timedelta(seconds=30), timedelta(hours=1)

# One process at a time hands over a system's events. The pool takes the lock away when the
# connection is given back, PostgreSQL when it is lost.
_TURN = "select pg_try_advisory_lock(hashtextextended('registers events of ' || $1, 0))"
_DUE = """
select w.system from registers.event_way w
where (w.next_at is null or w.next_at <= $1) and exists (
    select from registers.event_outbox o
    where o.system = w.system and o.state = 'waiting' and o.next_at <= $1)
order by w.next_at nulls first
"""
# The first of each record that is not done with: what lies behind a dead one waits for it.
_NEXT = """
select o.id, o.system, o.type, o.key, o.person, o.data::text as data, o.attempts, o.since
from registers.event_outbox o
where o.system = $1 and o.state = 'waiting' and o.next_at <= $2 and not exists (
    select from registers.event_outbox e
    where e.record = o.record and e.id < o.id and e.state <> 'withdrawn')
order by o.next_at, o.id limit $3
"""
_TAKEN = "delete from registers.event_outbox where id = $1"
_LATER = """
update registers.event_outbox
set attempts = attempts + 1, since = case when attempts = 0 then $2 else since end,
    next_at = $3, reason = $4
where id = $1 and state = 'waiting'
"""
_DEAD = """
update registers.event_outbox
set state = 'dead', attempts = attempts + 1, ended_at = $2, reason = $3
where id = $1 and state = 'waiting'
"""
_CLOSE = """
update registers.event_way
set failures = failures + 1, closed_since = coalesce(closed_since, $2), reason = $3,
    next_at = $2 + least($4::interval * 2 ^ least(failures, 30), $5::interval)
where system = $1 returning closed_since
"""
_ALL_DEAD = """
update registers.event_outbox set state = 'dead', ended_at = $2, reason = $3
where system = $1 and state = 'waiting' and since <= $4
"""
_OPEN = """
update registers.event_way set failures = 0, closed_since = null, next_at = null, reason = ''
where system = $1 and failures > 0
"""


async def due_systems(connection: Connection, now: datetime) -> list[str]:
    """Return the systems that have something to hand over and whose way is not closed."""
    return [row["system"] for row in await connection.fetch(_DUE, now)]


async def take_turn(connection: Connection, system: str) -> bool:
    """Take the system's turn for as long as the connection is held; false: another has it."""
    return bool(await connection.fetchval(_TURN, system))


async def next_events(
    connection: Connection, system: str, now: datetime, most: int
) -> Sequence[asyncpg.Record]:
    """Return events whose turn it is, at most one of each record."""
    return await connection.fetch(_NEXT, system, now, most)


def event_of(row: asyncpg.Record) -> Event:
    """Return the row as it is posted."""
    return Event(row["system"], row["type"], row["key"], row["person"], row["data"])


async def note_taken(connection: Connection, row: asyncpg.Record) -> None:
    """The node has it: it is kept there, and here no longer."""
    await connection.execute(_TAKEN, row["id"])


async def note_later(
    connection: Connection, row: asyncpg.Record, now: datetime, reason: str
) -> bool:
    """Let it come again later and later; return false when its time is over and it is dead."""
    if row["attempts"] > 0 and row["since"] <= now - DEAD_AFTER:
        await note_never(connection, row, now, reason)
        return False
    wait = min(_EVENT_FIRST * 2 ** min(row["attempts"], 30), _EVENT_LONGEST)
    await connection.execute(_LATER, row["id"], now, now + wait, reason)
    return True


async def note_never(
    connection: Connection, row: asyncpg.Record, now: datetime, reason: str
) -> None:
    """Set it aside: an operator must look."""
    await connection.execute(_DEAD, row["id"], now, reason)


async def close_way(connection: Connection, system: str, now: datetime, reason: str) -> int:
    """Let the system come again later and later; return how many of its events died of it.

    They die when the way was closed for all the time that an event has, not when this process
    was away for it.
    """
    since = await connection.fetchval(_CLOSE, system, now, reason, _WAY_FIRST, _WAY_LONGEST)
    if since is None or since > now - DEAD_AFTER:
        return 0
    done: str = await connection.execute(_ALL_DEAD, system, now, reason, now - DEAD_AFTER)
    return int(done.rsplit(maxsplit=1)[-1])


async def open_way(connection: Connection, system: str) -> None:
    """The node answers for the system again."""
    await connection.execute(_OPEN, system)


async def counts(connection: Connection) -> dict[str, int]:
    """Return how many events wait and how many are dead."""
    rows = await connection.fetch(
        "select state, count(*) from registers.event_outbox"
        " where state in ('waiting', 'dead') group by state"
    )
    return {"waiting": 0, "dead": 0, **{row["state"]: row["count"] for row in rows}}
