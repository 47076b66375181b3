"""What a sender's node has taken over, in its database."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pencere.gateway.log.sealing import Sealer
from pencere.gateway.messages.backlog import Backlog
from pencere.gateway.messages.pool import Connection, DatabasePool
from pencere.gateway.messages.receipts import Receipt
from pencere.gateway.wire.head import Headers

_INSERT = """
insert into gateway.message (receipt, node, consumer, message_id, digest, service, ordering,
    head_sealed, body_sealed, accepted_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (consumer, message_id) do nothing returning receipt
"""
_SIGN = """
insert into gateway.message_receipt (receipt, kind, statement, certificate, signature)
values ($1, $2, $3, $4, $5)
"""
# The first of its order only; a lease of a node that died ends by itself.
_CLAIM = """
update gateway.message m
set leased_by = $1, leased_until = now() + make_interval(secs => $3), attempts = attempts + 1
from (
    select d.receipt from gateway.message d
    where d.state = 'waiting' and d.next_at <= now()
      and (d.leased_until is null or d.leased_until <= now())
      and (d.ordering = '' or not exists (
          select from gateway.message e
          where e.consumer = d.consumer and e.service = d.service and e.ordering = d.ordering
            and e.state = 'waiting' and e.ordering <> '' and e.seq < d.seq))
    order by d.next_at, d.seq limit $2 for update skip locked
) due
where m.receipt = due.receipt
returning m.*
"""
_LATER = """
update gateway.message set leased_by = null, leased_until = null, fault = $2, exchange = $4,
    next_at = now() + make_interval(secs => $3)
where receipt = $1 and state = 'waiting'
"""
_END = """
update gateway.message set state = $2, leased_by = null, leased_until = null, fault = $3,
    ended_at = $4, exchange = $5, answer_status = $6, answer_sealed = $7
where receipt = $1 and state = 'waiting' returning receipt
"""
_AGAIN = """
update gateway.message set state = 'waiting', next_at = now(), ended_at = null, expires_at = $2
where receipt = $1 and state = 'dead' and head_sealed is not null returning receipt
"""
_DROP = """
update gateway.message set head_sealed = null, body_sealed = null, answer_sealed = null
where state <> 'waiting' and head_sealed is not null and ended_at < $1
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that a node is asked to take over."""

    receipt: UUID
    consumer: str
    message_id: str
    digest: bytes
    service: str
    ordering: str
    method: str
    target: str
    headers: Headers
    body: bytes
    accepted_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """A message whose turn it is."""

    receipt: UUID
    consumer: str
    message_id: str
    service: str
    attempts: int
    accepted_at: datetime
    expires_at: datetime
    method: str
    target: str
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Ending:
    """How a message ended, and what its service answered, if it did."""

    state: str
    fault: str
    at: datetime
    exchange: UUID | None
    status: int | None
    headers: Headers
    body: bytes


class MessageStore:
    """Messages of one node; several nodes of a database may share the work."""

    def __init__(self, pool: DatabasePool, sealer: Sealer, node: str) -> None:
        self._pool = pool
        self._sealer = sealer
        self._node = node

    async def add(self, draft: Draft, receipt: Receipt) -> tuple[UUID, bytes]:
        """Keep the message and its first receipt; return number and digest of the one kept."""
        async with self._pool.transaction() as connection:
            return await self.add_with(connection, draft, receipt)

    async def add_with(
        self, connection: Connection, draft: Draft, receipt: Receipt
    ) -> tuple[UUID, bytes]:
        """Keep it in the transaction of `connection`."""
        number = str(draft.receipt)
        head = json.dumps([draft.method, draft.target, pairs_of(draft.headers)]).encode()
        kept = await connection.fetchval(
            _INSERT,
            draft.receipt, self._node, draft.consumer, draft.message_id, draft.digest,
            draft.service, draft.ordering,
            self._sealer.seal(head, exchange=number, part="message head"),
            self._sealer.seal(draft.body, exchange=number, part="message body"),
            draft.accepted_at, draft.expires_at,
        )  # fmt: skip
        if kept is not None:
            await _sign(connection, draft.receipt, receipt)
            return draft.receipt, draft.digest
        row = await connection.fetchrow(
            "select receipt, digest from gateway.message where consumer = $1 and message_id = $2",
            draft.consumer, draft.message_id,
        )  # fmt: skip
        assert row is not None  # noqa: S101  # it was in the way, and rows are never deleted
        return row["receipt"], row["digest"]

    async def claim(self, most: int, lease_s: float) -> list[Due]:
        """Take what is due; nobody else has it until it is put back or the lease ends."""
        async with self._pool.transaction() as connection:
            rows = await connection.fetch(_CLAIM, self._node, most, lease_s)
        return [self._due(row) for row in rows]

    async def release_own(self) -> None:
        """Give up what this node had in work when it died."""
        async with self._pool.transaction() as connection:
            await connection.execute(
                "update gateway.message set leased_by = null, leased_until = null"
                " where leased_by = $1 and state = 'waiting'",
                self._node,
            )

    async def later(self, receipt: UUID, fault: str, wait_s: float, exchange: UUID | None) -> None:
        """Put a message back for a while."""
        async with self._pool.transaction() as connection:
            await connection.execute(_LATER, receipt, fault, wait_s, exchange)

    async def end(self, number: UUID, ending: Ending, receipt: Receipt) -> None:
        """Keep how it ended, with its receipt; done once."""
        answer = None
        if ending.status is not None:
            answer = self._sealer.seal(
                json.dumps([pairs_of(ending.headers), ending.body.hex()]).encode(),
                exchange=str(number),
                part="message answer",
            )
        async with self._pool.transaction() as connection:
            ended = await connection.fetchval(
                _END,
                number, ending.state, ending.fault, ending.at, ending.exchange,
                ending.status, answer,
            )  # fmt: skip
            if ended is not None:
                await _sign(connection, number, receipt)

    async def again(self, number: UUID, expires_at: datetime, receipt: Receipt) -> bool:
        """Send a dead letter again; False when it is none, or its content is dropped."""
        async with self._pool.transaction() as connection:
            done = await connection.fetchval(_AGAIN, number, expires_at)
            if done is not None:
                await _sign(connection, number, receipt)
        return done is not None

    async def find(self, number: UUID) -> dict[str, Any] | None:
        """Return a message with its receipts and the answer, opened."""
        async with self._pool.transaction() as connection:
            row = await connection.fetchrow(
                "select * from gateway.message where receipt = $1", number
            )
            if row is None:
                return None
            receipts = await connection.fetch(
                "select kind, statement, certificate, signature from gateway.message_receipt"
                " where receipt = $1 order by seq", number,
            )  # fmt: skip
        found = dict(row)
        found["receipts"] = [Receipt(*one) for one in receipts]
        found["answer"] = None
        if row["answer_sealed"] is not None:
            opened = self._sealer.open(
                row["answer_sealed"], exchange=str(number), part="message answer"
            )
            headers, body = json.loads(opened)
            found["answer"] = (row["answer_status"], headers, bytes.fromhex(body))
        return found

    async def dead(self, most: int) -> Sequence[dict[str, Any]]:
        """Return dead letters, the oldest first: without what they say."""
        async with self._pool.transaction() as connection:
            rows = await connection.fetch(
                "select receipt, consumer, message_id, service, attempts, fault, accepted_at,"
                " ended_at from gateway.message where state = 'dead' order by seq limit $1", most,
            )  # fmt: skip
        return [dict(row) for row in rows]

    async def backlog(self) -> Backlog:
        """Return what waits and what is dead."""
        async with self._pool.transaction() as connection:
            rows = await connection.fetch(
                "select state, count(*) as count, min(accepted_at) as oldest from gateway.message"
                " where state in ('waiting', 'dead') group by state"
            )
        return Backlog.of(rows)

    async def drop(self, before: datetime) -> None:
        """Drop the content of what ended before; who, when and the receipts stay."""
        async with self._pool.transaction() as connection:
            await connection.execute(_DROP, before)
            await connection.execute(
                "update gateway.received set answer_sealed = null"
                " where answer_sealed is not null and ended_at < $1", before,
            )  # fmt: skip

    def _due(self, row: Any) -> Due:  # asyncpg's record
        number = str(row["receipt"])
        opened = self._sealer.open(row["head_sealed"], exchange=number, part="message head")
        method, target, headers = json.loads(opened)
        return Due(
            row["receipt"], row["consumer"], row["message_id"], row["service"], row["attempts"],
            row["accepted_at"], row["expires_at"], method, target, headers_of(headers),
            self._sealer.open(row["body_sealed"], exchange=number, part="message body"),
        )  # fmt: skip


async def _sign(connection: Connection, number: UUID, receipt: Receipt) -> None:
    await connection.execute(
        _SIGN, number, receipt.kind, receipt.statement, receipt.certificate, receipt.signature
    )


def pairs_of(headers: Headers) -> list[list[str]]:
    """Return headers as JSON holds them."""
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]


def headers_of(pairs: list[list[str]]) -> Headers:
    """Return headers from what JSON held."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
