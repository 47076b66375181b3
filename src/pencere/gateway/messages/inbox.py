"""At the provider's node: a message has its effect once, however often it comes.

Before the service is called it stands in the database that it may have begun; the service is
given the same `Idempotency-Key` each time, and its answer is kept before it leaves.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pencere.gateway.log.database import GONE
from pencere.gateway.log.sealing import Sealer
from pencere.gateway.messages.pool import DatabasePool
from pencere.gateway.messages.store import headers_of, pairs_of
from pencere.gateway.wire.faults import Fault, Kind, server_fault
from pencere.gateway.wire.head import Headers

log = logging.getLogger(__name__)
HEADER = b"pencere-message"
KEY = b"idempotency-key"
# These say "not now"; any other answer of a service is its last word.
AGAIN = frozenset({408, 423, 425, 429})

_OPEN = """
insert into gateway.received (consumer, message_id, digest, service, first_exchange, received_at,
    leased_until)
values ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))
on conflict (consumer, message_id) do nothing returning consumer
"""
_SEEN = """
select digest, first_exchange, ended_at, status, answer_sealed, leased_until > now() as is_in_work
from gateway.received where consumer = $1 and message_id = $2 for update
"""
_LEASE = """
update gateway.received set leased_until = now() + make_interval(secs => $3)
where consumer = $1 and message_id = $2
"""
_END = """
update gateway.received set ended_at = $3, status = $4, answer_sealed = $5, leased_until = now()
where consumer = $1 and message_id = $2 and ended_at is null
"""
_LET_GO = """
update gateway.received set leased_until = now()
where consumer = $1 and message_id = $2 and ended_at is null
"""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message as it came."""

    consumer: str
    message_id: str
    digest: bytes
    service: str
    exchange: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a service answered the first time."""

    status: int
    headers: Headers
    body: bytes


# None: the message is new, or its effect is not known; call the service.
Admitted = Callable[[Remembered | Fault | None], None]
Kept = Callable[[bool], None]


def is_final(status: int) -> bool:
    """Say whether a service's answer ends a message: done, or refused for good."""
    return status < 500 and status not in AGAIN


class Inbox:
    """Remembers for one node."""

    def __init__(self, pool: DatabasePool, sealer: Sealer) -> None:
        self._pool = pool
        self._sealer = sealer
        self._tasks: set[asyncio.Task[None]] = set()

    def admit(self, arrived: Arrived, lease_s: float, done: Admitted) -> None:
        """Say whether the service is to be called."""

        async def run() -> None:
            try:
                done(await self._admit(arrived, lease_s))
            except GONE as problem:
                log.error("message_not_remembered reason=%s", type(problem).__name__)  # noqa: TRY400
                done(server_fault(Kind.LOGGING_FAILED, "the message could not be noted; ask again"))

        self._start(run())

    def keep(self, arrived: Arrived, answer: Remembered | None, at: datetime, done: Kept) -> None:
        """Remember the last word of the service; None: there is none yet."""

        async def run() -> None:
            try:
                await self._keep(arrived, answer, at)
            except GONE as problem:
                log.error("message_not_remembered reason=%s", type(problem).__name__)  # noqa: TRY400
                done(False)
            else:
                done(True)

        self._start(run())

    async def stop(self) -> None:
        """Finish what is in work."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, run: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(run)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _admit(self, arrived: Arrived, lease_s: float) -> Remembered | Fault | None:
        key = (arrived.consumer, arrived.message_id)
        async with self._pool.transaction() as connection:
            opened = await connection.fetchval(
                _OPEN, *key, arrived.digest, arrived.service, UUID(arrived.exchange),
                arrived.at, lease_s,
            )  # fmt: skip
            if opened is not None:
                return None
            row = await connection.fetchrow(_SEEN, *key)
            assert row is not None  # noqa: S101  # it was in the way, and rows are never deleted
            if row["digest"] != arrived.digest:
                return server_fault(
                    Kind.MESSAGE_CONFLICT, "another message was sent under this X-Road-Id"
                )
            if row["ended_at"] is None:
                if row["is_in_work"]:
                    return server_fault(Kind.OVERLOADED, "this message is in work", retry_after_s=1)
                await connection.execute(_LEASE, *key, lease_s)
                return None
        if row["answer_sealed"] is None:
            return Remembered(row["status"], [], b"")
        opened = self._sealer.open(
            row["answer_sealed"], exchange=str(row["first_exchange"]), part="received answer"
        )
        headers, body = json.loads(opened)
        return Remembered(row["status"], headers_of(headers), bytes.fromhex(body))

    async def _keep(self, arrived: Arrived, answer: Remembered | None, at: datetime) -> None:
        key = (arrived.consumer, arrived.message_id)
        async with self._pool.transaction() as connection:
            if answer is None:
                await connection.execute(_LET_GO, *key)
                return
            first = await connection.fetchval(
                "select first_exchange from gateway.received"
                " where consumer = $1 and message_id = $2", *key,
            )  # fmt: skip
            content = json.dumps([pairs_of(answer.headers), answer.body.hex()]).encode()
            sealed = self._sealer.seal(content, exchange=str(first), part="received answer")
            await connection.execute(_END, *key, at, answer.status, sealed)
