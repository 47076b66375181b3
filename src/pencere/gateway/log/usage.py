"""Reading the log for a person: newest first, without what is kept from them for now."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from pencere.gateway.log.sealing import Sealer
from pencere.gateway.wire.actors import Actor, actor_of, user_of
from pencere.gateway.wire.head import parse_request
from pencere.ledger.store import Evidence, Reader


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which accesses. `person` is the FIN a tracker names in its query, else empty."""

    limit: int
    offset: int
    before: datetime | None = None
    since: datetime | None = None
    exchange: UUID | None = None
    person: str = ""
    is_nothing: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """One access. `hidden_until` and `hidden_reason` are told once that time is over."""

    at: datetime
    exchange: UUID
    message_id: str
    consumer: str
    service: str
    endpoint: str
    purpose: str
    legal_basis: str
    case_number: str
    represented: str
    actor: Actor
    outcome: str
    status: int
    consent: str
    hidden_until: datetime | None
    hidden_reason: str
    leaf_entry: bytes | None
    leaf_salt: bytes | None
    proof: Evidence | None


# What a person may see of one provider: not the node's own answers, and nothing still hidden.
_MINE = """
from gateway.request r join gateway.response s using (exchange, side)
left join lateral (
    select d.until, d.reason_sealed from gateway.disclosure d
    where d.exchange = r.exchange order by d.seq desc limit 1
) d on r.hidden_until is not null
where r.side = 'provider' and r.person_digest = $1 and r.provider = $2 and r.service <> all ($3)
    and ($4::timestamptz is null or r.recorded_at < $4)
    and ($5::timestamptz is null or r.recorded_at >= $5)
    and ($6::uuid is null or r.exchange = $6)
    and (r.hidden_until is null or coalesce(d.until, r.hidden_until) <= $7)
"""
_COUNT = f"select count(*) {_MINE}"  # our own text
_PAGE = f"""
select r.exchange, r.message_id, r.consumer, r.service, r.endpoint, r.purpose, r.legal_basis,
    r.case_number, r.recorded_at, r.represented, r.actor, r.hidden_reason_sealed,
    d.reason_sealed as disclosed_reason, coalesce(d.until, r.hidden_until) as hidden_until,
    case when r.actor = '' then r.head_sealed end as head_sealed,
    s.outcome, s.status, s.consent, s.leaf_hash, s.leaf_entry, s.leaf_salt
{_MINE}
order by r.seq desc limit $8 offset $9
"""  # our own text
_OLDEST = """
select min(recorded_at) from gateway.request where side = 'provider' and provider = $1
"""


class UsageReader:
    """Reads the log for `findUsage` and for auditors."""

    def __init__(self, url: str, sealer: Sealer) -> None:
        self._url = url
        self._sealer = sealer
        self._ledger = Reader(url)
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="ledger-reader")
        self._tasks: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Close connections."""
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._pool is not None:
            await self._pool.close()
        self._threads.shutdown(wait=True)
        self._ledger.close()

    def start(self, work: Any) -> None:
        """Run a coroutine to its end, also while the node stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def pool(self) -> "asyncpg.Pool[asyncpg.Record]":
        """Return the connections, opened at the first use."""
        if self._pool is None:
            self._pool = await asyncpg.create_pool(
                self._url, min_size=0, max_size=3, timeout=5, command_timeout=10
            )
        return self._pool

    async def accesses(
        self, provider: str, person: str, wanted: Wanted, *, without: Sequence[str], now: datetime
    ) -> tuple[int, list[Access]]:
        """Return how many there are and a page of them."""
        pool, digest = await self.pool(), self._sealer.person_digest(person)
        which = (
            digest, provider, list(without), wanted.before, wanted.since, wanted.exchange, now,
        )  # fmt: skip
        total = int(await pool.fetchval(_COUNT, *which))
        rows = await pool.fetch(_PAGE, *which, wanted.limit, wanted.offset)
        hashes = [row["leaf_hash"] for row in rows if row["leaf_hash"] is not None]
        proofs = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._ledger.evidence, hashes
        )
        return total, [self._access(row, person, proofs) for row in rows]

    async def oldest(self, provider: str) -> datetime | None:
        """Return since when accesses to this provider are known."""
        found: datetime | None = await (await self.pool()).fetchval(_OLDEST, provider)
        return found

    def _access(self, row: asyncpg.Record, person: str, proofs: Mapping[bytes, Evidence]) -> Access:
        exchange = str(row["exchange"])
        reason = b""
        if row["disclosed_reason"] is not None:
            reason = self._sealer.open(
                row["disclosed_reason"], exchange=exchange, part="disclosure reason"
            )
        elif row["hidden_reason_sealed"] is not None:
            reason = self._sealer.open(
                row["hidden_reason_sealed"], exchange=exchange, part="provider hidden reason"
            )
        return Access(
            at=row["recorded_at"],
            exchange=row["exchange"],
            message_id=row["message_id"],
            consumer=row["consumer"],
            service=row["service"],
            endpoint=row["endpoint"],
            purpose=row["purpose"],
            legal_basis=row["legal_basis"],
            case_number=row["case_number"],
            represented=row["represented"],
            actor=self._actor(row, person),
            outcome=row["outcome"],
            status=row["status"],
            consent=row["consent"],
            hidden_until=row["hidden_until"],
            hidden_reason=reason.decode(),
            leaf_entry=row["leaf_entry"],
            leaf_salt=row["leaf_salt"],
            proof=proofs.get(row["leaf_hash"]),
        )

    def _actor(self, row: asyncpg.Record, person: str) -> Actor:
        """Say who acted; a row of before 0002_actor.sql says it in its signed head."""
        if row["actor"]:
            return Actor(row["actor"])
        block = self._sealer.open(
            row["head_sealed"], exchange=str(row["exchange"]), part="provider request head"
        )
        return actor_of(user_of(parse_request(block).values), person)
