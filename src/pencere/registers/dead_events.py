"""What an operator sees of events that wait or are dead, and does with dead ones.

docs/specs/registers.md, section 7. The functions return values; showing them is the command's.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from pencere.kernel.errors import Invalid, Missing

_MAX_REASON = 200


@dataclass(frozen=True, slots=True)
class Way:
    """One system: how many of its events wait, and since when and why the node takes none."""

    system: str
    waiting: int
    dead: int
    closed_since: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Dead:
    """An event that is tried no longer. `behind`: later ones of its record that wait for it."""

    key: str
    system: str
    type: str
    at: datetime
    ended_at: datetime
    attempts: int
    reason: str
    behind: int


_WAYS = """
select w.system, count(o.id) filter (where o.state = 'waiting') as waiting,
    count(o.id) filter (where o.state = 'dead') as dead, w.closed_since, w.reason
from registers.event_way w left join registers.event_outbox o on o.system = w.system
group by w.system order by w.system
"""
_DEAD = """
select d.key, d.system, d.type, d.at, d.ended_at, d.attempts, d.reason,
    (select count(*) from registers.event_outbox b
     where b.record = d.record and b.id > d.id and b.state = 'waiting') as behind
from registers.event_outbox d where d.state = 'dead' order by d.id
"""
_AGAIN = """
update registers.event_outbox
set state = 'waiting', attempts = 0, since = %(now)s, next_at = %(now)s, ended_at = null
where state = 'dead' and (%(keys)s::text[] is null or key = any(%(keys)s))
returning key, system
"""
# Who sends again does so because the hindrance is gone.
_OPEN = """
update registers.event_way set failures = 0, closed_since = null, next_at = null, reason = ''
where system = any(%s)
"""
_WITHDRAW = """
update registers.event_outbox set state = 'withdrawn', reason = left(reason || '; ' || %s, 1000)
where state = 'dead' and key = %s
"""


def ways(database_url: str) -> list[Way]:
    """Return every system that ever had an event."""
    with psycopg.connect(database_url) as connection:
        return connection.cursor(row_factory=class_row(Way)).execute(_WAYS).fetchall()


def dead_events(database_url: str) -> list[Dead]:
    """Return the dead, oldest first."""
    with psycopg.connect(database_url) as connection:
        return connection.cursor(row_factory=class_row(Dead)).execute(_DEAD).fetchall()


def by_reason(dead: Collection[Dead]) -> list[tuple[str, str, int]]:
    """Return why events died: type, reason, how many; most first."""
    found = Counter((one.type, one.reason) for one in dead)
    return [(type_, reason, count) for (type_, reason), count in found.most_common()]


def send_again(database_url: str, now: datetime, keys: Collection[str] | None = None) -> int:
    """Let dead events wait again, all or those with the keys; return how many.

    Their time begins anew, and so does the way of their systems.

    Raises:
        Missing: `event.not_dead`, one of the keys is no dead event's; then none is sent.
    """
    wanted = None if keys is None else sorted(set(keys))
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(_AGAIN, {"now": now, "keys": wanted}).fetchall()
        for key in sorted(set(wanted or ()) - {str(row[0]) for row in rows}):
            raise Missing("event.not_dead", key=key[:200])
        connection.execute(_OPEN, (sorted({str(row[1]) for row in rows}),))
        return len(rows)


def withdraw(database_url: str, key: str, reason: str) -> None:
    """Give up a dead event, which stays on record; what waits behind it goes on.

    Raises:
        Missing: `event.not_dead`.
        Invalid: `event.reason`, without a reason or with one longer than 200 characters.
    """
    if not 0 < len(reason) <= _MAX_REASON or not reason.isprintable():
        raise Invalid("event.reason", example="sent by letter 12-34 of 2026-11-22")
    with psycopg.connect(database_url) as connection:
        if connection.execute(_WITHDRAW, (reason, key)).rowcount == 0:
            raise Missing("event.not_dead", key=key[:200])
