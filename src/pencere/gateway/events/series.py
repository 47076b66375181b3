"""At the publisher's node: events as they were published, and how far each subscription is."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from pencere.gateway.keys import NodeKeys
from pencere.gateway.log.sealing import Sealer
from pencere.gateway.messages import receipts
from pencere.gateway.messages.pool import Connection, DatabasePool
from pencere.kernel.errors import Conflict

_INSERT = """
insert into gateway.event (type, number, id, publisher, key, digest, recorded_at,
    content_sealed, statement, certificate, signature)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
# A subscription begins behind what was published before it.
_BEGIN = """
insert into gateway.event_cursor (subscription, type, number)
select s, $2, coalesce((select last from gateway.event_series where type = $2), 0)
from unnest($1::text[]) s on conflict (subscription) do nothing
"""


@dataclass(frozen=True, slots=True)
class Published:
    """An event, opened."""

    type: str
    number: int
    id: UUID
    publisher: str
    recorded_at: datetime
    person: str
    data: dict[str, Any]


class EventSeries:
    """Events of the publishers of one node."""

    def __init__(self, pool: DatabasePool, sealer: Sealer, keys: NodeKeys, node: str) -> None:
        self._pool = pool
        self._sealer = sealer
        self._keys = keys
        self._node = node

    async def publish(  # noqa: PLR0913  # an event has many parts
        self,
        whole: str,
        publisher: str,
        key: str,
        *,
        person: str,
        data: dict[str, Any],
        at: datetime,
        subscriptions: Iterable[str],
    ) -> tuple[int, UUID]:
        """Give the event the next number of its type and keep it; the same key is the same event.

        Raises:
            Conflict: `event.reused`: another event was published under the key.
        """
        content = json.dumps({"person": person, "data": data}, sort_keys=True).encode()
        digest = bytes.fromhex(receipts.content_digest(content))[:32]
        async with self._pool.transaction() as connection:
            await begin(connection, whole, subscriptions)
            await connection.execute(
                "insert into gateway.event_series (type) values ($1) on conflict do nothing", whole
            )
            # The row is locked from here: numbers have no gap, and are visible in their order.
            number = await connection.fetchval(
                "select last + 1 from gateway.event_series where type = $1 for update", whole
            )
            known = await connection.fetchrow(
                "select number, id, digest from gateway.event"
                " where publisher = $1 and type = $2 and key = $3",
                publisher, whole, key,
            )  # fmt: skip
            if known is not None:
                if known["digest"] != digest:
                    raise Conflict("event.reused")
                return known["number"], known["id"]
            identifier = uuid4()
            receipt = receipts.sign(
                self._keys,
                "published",
                {
                    "type": whole,
                    "number": str(number),
                    "id": str(identifier),
                    "publisher": publisher,
                    "node": self._node,
                    "content": digest.hex(),
                    "time": at.isoformat(),
                },
                form=receipts.EVENT_FORMAT,
            )
            sealed = self._sealer.seal(content, exchange=str(identifier), part="event")
            await connection.execute(
                _INSERT, whole, number, identifier, publisher, key, digest, at, sealed,
                receipt.statement, receipt.certificate, receipt.signature,
            )  # fmt: skip
            await connection.execute(
                "update gateway.event_series set last = $2 where type = $1", whole, number
            )
        return number, identifier

    async def is_known(self, whole: str, publisher: str, key: str) -> bool:
        """Say whether an event was published under the key."""
        async with self._pool.transaction() as connection:
            found = await connection.fetchval(
                "select true from gateway.event where publisher = $1 and type = $2 and key = $3",
                publisher, whole, key,
            )  # fmt: skip
        return found is not None

    async def types(self) -> list[str]:
        """Return the types that were published here."""
        async with self._pool.transaction() as connection:
            rows = await connection.fetch("select type from gateway.event_series order by type")
        return [row["type"] for row in rows]

    async def behind(self, whole: str, subscriptions: list[str]) -> set[str]:
        """Return the subscriptions that have events to be given; new ones begin now."""
        async with self._pool.transaction() as connection:
            await begin(connection, whole, subscriptions)
            rows = await connection.fetch(
                "select c.subscription from gateway.event_cursor c"
                " join gateway.event_series s using (type)"
                " where c.number < s.last and c.subscription = any($1::text[])",
                subscriptions,
            )
        return {row["subscription"] for row in rows}

    async def after(
        self, connection: Connection, whole: str, subscription: str, most: int
    ) -> list[Published]:
        """Lock a subscription's cursor and return the events behind it."""
        last = await connection.fetchval(
            "select number from gateway.event_cursor where subscription = $1"
            " for update skip locked", subscription,
        )  # fmt: skip
        if last is None:
            return []
        rows = await connection.fetch(
            "select * from gateway.event where type = $1 and number > $2 order by number limit $3",
            whole, last, most,
        )  # fmt: skip
        return [self._open(row) for row in rows]

    async def drop(self, before: datetime) -> None:
        """Drop the content of events from before; number, digest and signature stay.

        What a subscription has still to be given is kept.
        """
        async with self._pool.transaction() as connection:
            await connection.execute(
                "update gateway.event e set content_sealed = null"
                " where content_sealed is not null and recorded_at < $1 and not exists ("
                " select from gateway.event_cursor c where c.type = e.type and c.number < e.number"
                ")", before,
            )  # fmt: skip

    def _open(self, row: Any) -> Published:  # a row of asyncpg
        content: dict[str, Any] = {"person": "", "data": {}}
        if row["content_sealed"] is not None:
            content = json.loads(
                self._sealer.open(row["content_sealed"], exchange=str(row["id"]), part="event")
            )
        return Published(
            row["type"], row["number"], row["id"], row["publisher"], row["recorded_at"],
            content["person"], content["data"],
        )  # fmt: skip


async def begin(connection: Connection, whole: str, subscriptions: Iterable[str]) -> None:
    """Let subscriptions that are new begin behind the newest event."""
    await connection.execute(_BEGIN, list(subscriptions), whole)


async def advance(connection: Connection, subscription: str, number: int) -> None:
    """Note that everything up to a number was handed over."""
    await connection.execute(
        "update gateway.event_cursor set number = $2 where subscription = $1", subscription, number
    )
