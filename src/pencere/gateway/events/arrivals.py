"""At the subscriber's node: events that arrived, until its system acknowledged them."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pencere.gateway.log.sealing import Sealer
from pencere.gateway.messages.backlog import Backlog
from pencere.gateway.messages.pool import DatabasePool
from pencere.kernel.events.payload import check_payload

_INSERT = """
insert into gateway.event_inbox (subscriber, type, number, id, publisher, subscription, exchange,
    occurred_at, received_at, content_sealed)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (subscriber, type, number) do nothing
"""
# Only the first that waits of each subscriber and type: order is kept.
_NEXT = """
select i.* from (
    select distinct on (subscriber, type) * from gateway.event_inbox
    where state = 'waiting' and subscriber = any($1::text[])
    order by subscriber, type, number) i
where i.next_at <= now()
"""
_CLAIM = """
update gateway.event_inbox
set next_at = now() + make_interval(secs => $4), attempts = attempts + 1, leased_by = $5
where subscriber = $1 and type = $2 and number = $3 and state = 'waiting' and next_at <= now()
returning *
"""
# Its attempts begin anew; the reason it was set aside for stays until there is another.
_AGAIN = """
update gateway.event_inbox
set state = 'waiting', next_at = now(), attempts = 0, ended_at = null
where id = $1 and state = 'dead' and content_sealed is not null returning subscriber
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event as a subscriber is given it."""

    subscriber: str
    type: str
    number: int
    id: UUID
    publisher: str
    occurred_at: datetime
    received_at: datetime
    person: str
    data: dict[str, Any]
    state: str
    attempts: int

    def content(self) -> dict[str, Any]:
        """Return it as JSON holds it; the person stands in it, in no address."""
        return {
            "type": self.type,
            "number": self.number,
            "id": str(self.id),
            "publisher": self.publisher,
            "occurred_at": self.occurred_at.isoformat(),
            "person": self.person or None,
            "data": self.data,
            "state": self.state,
        }


class Arrivals:
    """What arrived for the subscribers of one node."""

    def __init__(self, pool: DatabasePool, sealer: Sealer, node: str) -> None:
        self._pool = pool
        self._sealer = sealer
        self._node = node
        self._news: set[asyncio.Future[None]] = set()

    async def add(  # noqa: PLR0913  # an event has many parts
        self,
        *,
        subscriber: str,
        publisher: str,
        exchange: str,
        said: dict[str, Any],
        person: str,
        at: datetime,
    ) -> None:
        """Keep an event; one that is there already stays as it is.

        Raises:
            ValueError, KeyError, TypeError: it is no event.
        """
        identifier = UUID(said["id"])
        occurred = datetime.fromisoformat(said["occurred_at"])
        if not isinstance(said["data"], dict) or not isinstance(said["number"], int):
            raise TypeError("no event")
        if said["number"] < 1 or occurred.tzinfo is None:
            raise ValueError("no event")
        check_payload(said["data"])
        content = json.dumps({"person": person, "data": said["data"]}).encode()
        async with self._pool.transaction() as connection:
            await connection.execute(
                _INSERT, subscriber, str(said["type"]), said["number"], identifier, publisher,
                str(said["subscription"]), UUID(exchange), occurred, at,
                self._sealer.seal(content, exchange=str(identifier), part=f"event {subscriber}"),
            )  # fmt: skip
        news, self._news = self._news, set()
        for one in news:
            if not one.done():
                one.set_result(None)

    async def after(
        self, subscriber: str, whole: str, number: int, since: datetime | None, most: int
    ) -> list[Arrival]:
        """Return events behind a number, acknowledged ones too, while their content is kept."""
        async with self._pool.transaction() as connection:
            rows = await connection.fetch(
                "select * from gateway.event_inbox where subscriber = $1 and type = $2"
                " and number > $3 and ($4::timestamptz is null or occurred_at >= $4)"
                " and content_sealed is not null order by number limit $5",
                subscriber, whole, number, since, most,
            )  # fmt: skip
        return [self._open(row) for row in rows]

    async def wait(self, wait_s: float) -> None:
        """Return when something arrived, or after `wait_s`."""
        news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._news.add(news)
        try:
            await asyncio.wait([news], timeout=wait_s)
        finally:
            self._news.discard(news)

    async def acknowledge(self, subscriber: str, whole: str, number: int, at: datetime) -> int:
        """Note that the system has everything up to a number; return how many that were."""
        async with self._pool.transaction() as connection:
            done = await connection.execute(
                "update gateway.event_inbox set state = 'acknowledged', ended_at = $4"
                " where subscriber = $1 and type = $2 and number <= $3 and state = 'waiting'",
                subscriber, whole, number, at,
            )  # fmt: skip
        return int(done.split()[-1])

    async def due(self, subscribers: Sequence[str], lease_s: float) -> list[Arrival]:
        """Take the events whose turn it is to be pushed."""
        async with self._pool.transaction() as connection:
            found = []
            for row in await connection.fetch(_NEXT, list(subscribers)):
                one = await connection.fetchrow(
                    _CLAIM, row["subscriber"], row["type"], row["number"], lease_s, self._node
                )
                if one is not None:
                    found.append(self._open(one))
        return found

    async def release_own(self) -> None:
        """Give up what this node had in work when it died."""
        async with self._pool.transaction() as connection:
            await connection.execute(
                "update gateway.event_inbox set leased_by = null, next_at = now()"
                " where leased_by = $1 and state = 'waiting'", self._node,
            )  # fmt: skip

    async def pushed(
        self, arrival: Arrival, state: str, reason: str, wait_s: float, at: datetime
    ) -> None:
        """Note what came of a push: `acknowledged`, `dead`, or `waiting` for another one."""
        async with self._pool.transaction() as connection:
            await connection.execute(
                "update gateway.event_inbox set state = $4, reason = $5,"
                " leased_by = null,"
                " next_at = now() + make_interval(secs => $6),"
                " ended_at = case when $4 = 'waiting' then null else $7::timestamptz end"
                " where subscriber = $1 and type = $2 and number = $3 and state = 'waiting'",
                arrival.subscriber, arrival.type, arrival.number, state, reason, wait_s, at,
            )  # fmt: skip

    async def dead(self, most: int) -> Sequence[dict[str, Any]]:
        """Return events that were set aside, the oldest first: without what they say."""
        async with self._pool.transaction() as connection:
            rows = await connection.fetch(
                "select id, subscriber, type, number, publisher, attempts, reason, occurred_at,"
                " received_at, ended_at from gateway.event_inbox where state = 'dead'"
                " order by received_at, subscriber, type, number limit $1", most,
            )  # fmt: skip
        return [dict(row) for row in rows]

    async def again(self, identifier: UUID) -> list[str]:
        """Let a dead event wait again; return for which subscribers it was one."""
        async with self._pool.transaction() as connection:
            rows = await connection.fetch(_AGAIN, identifier)
        return sorted(row["subscriber"] for row in rows)

    async def backlog(self) -> Backlog:
        """Return what waits for its system and what is dead."""
        async with self._pool.transaction() as connection:
            rows = await connection.fetch(
                "select state, count(*) as count, min(received_at) as oldest"
                " from gateway.event_inbox where state in ('waiting', 'dead') group by state"
            )
        return Backlog.of(rows)

    async def drop(self, before: datetime) -> None:
        """Drop the content of what was acknowledged or set aside and is older."""
        async with self._pool.transaction() as connection:
            await connection.execute(
                "update gateway.event_inbox set content_sealed = null"
                " where content_sealed is not null and received_at < $1 and state <> 'waiting'",
                before,
            )

    def _open(self, row: Any) -> Arrival:  # a row of asyncpg
        part = f"event {row['subscriber']}"
        content = json.loads(
            self._sealer.open(row["content_sealed"], exchange=str(row["id"]), part=part)
        )
        return Arrival(
            row["subscriber"], row["type"], row["number"], row["id"], row["publisher"],
            row["occurred_at"], row["received_at"], content["person"], content["data"],
            row["state"], row["attempts"],
        )  # fmt: skip
