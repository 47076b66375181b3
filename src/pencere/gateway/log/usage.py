"""Who looked at my data: the accesses to one person's data, for that person alone.

The gateway answers `findUsage` itself, so that no register has to. Each access comes with its
leaf of the ledger, the proof that it is in the log, and the salt by which the person sees that
the entry is about them.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import psycopg
from psycopg_pool import PoolTimeout

from pencere.gateway.directory.builtin import FIND_USAGE
from pencere.gateway.log.database import GONE
from pencere.gateway.log.sealing import Sealer
from pencere.gateway.wire.actors import Actor, actor_of, fin_of, user_of
from pencere.gateway.wire.evidence import format_time
from pencere.gateway.wire.faults import Fault, Kind, server_fault
from pencere.gateway.wire.head import Headers, parse_request
from pencere.ledger.store import Evidence, Reader

log = logging.getLogger(__name__)
Answer = tuple[int, Headers, bytes]
_LARGEST_PAGE = 100
_USUAL_PAGE = 50

_COUNT = """
select count(*) from gateway.request r join gateway.response s using (exchange, side)
where r.side = 'provider' and r.person_digest = $1 and r.provider = $2 and r.service <> $3
    and ($4::timestamptz is null or r.recorded_at < $4) and ($5::uuid is null or r.exchange = $5)
"""
_PAGE = """
select r.exchange, r.consumer, r.service, r.method, r.endpoint, r.purpose, r.legal_basis,
    r.case_number, r.recorded_at, r.represented, r.actor,
    case when r.actor = '' then r.head_sealed end as head_sealed,
    s.outcome, s.status, s.leaf_hash, s.leaf_entry, s.leaf_salt
from gateway.request r join gateway.response s using (exchange, side)
where r.side = 'provider' and r.person_digest = $1 and r.provider = $2 and r.service <> $3
    and ($4::timestamptz is null or r.recorded_at < $4) and ($5::uuid is null or r.exchange = $5)
order by r.seq desc limit $6 offset $7
"""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which accesses: a page of those before an instant, or one exchange."""

    limit: int
    offset: int
    before: datetime | None
    exchange: UUID | None


class UsageReader:
    """Reads the log for findUsage."""

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

    def find(
        self,
        provider: str,
        person: str,
        user: str,
        body: bytes,
        done: Callable[[Answer | Fault], None],
    ) -> None:
        """Answer for `person`, who must also be who asks (`X-Road-UserId`)."""
        if not person or fin_of(user) != person:
            done(
                server_fault(
                    Kind.ACCESS_DENIED,
                    "findUsage answers a person about their own data:"
                    " X-Road-UserId must be AZ and the FIN of Pencere-Person",
                )
            )
            return
        try:
            wanted = _wanted(body)
        except ValueError:
            done(
                server_fault(
                    Kind.INVALID_REQUEST,
                    f'the body must be like {{"offset": 0, "limit": {_USUAL_PAGE}}}, besides it'
                    ' "before": "2026-11-22T09:00:00Z" or "exchange": a UUID;'
                    f" at most {_LARGEST_PAGE} at once",
                )
            )
            return
        task = asyncio.get_running_loop().create_task(self._answer(provider, person, wanted, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(
        self,
        provider: str,
        person: str,
        wanted: _Wanted,
        done: Callable[[Answer | Fault], None],
    ) -> None:
        try:
            answer = await self._find(provider, person, wanted)
        except (*GONE, psycopg.Error, PoolTimeout) as problem:
            log.error("find_usage_failed reason=%s", type(problem).__name__)  # noqa: TRY400
            done(server_fault(Kind.LOGGING_FAILED, "the log cannot be read now; ask again"))
            return
        done(answer)

    async def _find(self, provider: str, person: str, wanted: _Wanted) -> Answer:
        if self._pool is None:
            self._pool = await asyncpg.create_pool(
                self._url, min_size=0, max_size=3, timeout=5, command_timeout=10
            )
        digest, own = self._sealer.person_digest(person), f"{provider}/{FIND_USAGE}"
        which = (digest, provider, own, wanted.before, wanted.exchange)
        total = await self._pool.fetchval(_COUNT, *which)
        rows = await self._pool.fetch(_PAGE, *which, wanted.limit, wanted.offset)
        hashes = [row["leaf_hash"] for row in rows if row["leaf_hash"] is not None]
        proofs = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._ledger.evidence, hashes
        )
        content = {
            "totalUsages": total,
            "offset": wanted.offset,
            "usages": [
                _usage(row, self._actor(row, person), proofs.get(row["leaf_hash"])) for row in rows
            ],
        }
        body = json.dumps(content, ensure_ascii=False).encode()
        return 200, [(b"content-type", b"application/json;charset=utf-8")], body

    def _actor(self, row: asyncpg.Record, person: str) -> Actor:
        """Say who acted; a row of before 0002_actor.sql says it in its signed head."""
        if row["actor"]:
            return Actor(row["actor"])
        block = self._sealer.open(
            row["head_sealed"], exchange=str(row["exchange"]), part="provider request head"
        )
        return actor_of(user_of(parse_request(block).headers), person)


def _usage(row: asyncpg.Record, actor: Actor, proof: Evidence | None) -> dict[str, Any]:
    _, _, member, system = row["consumer"].split("/")
    entry: bytes | None = row["leaf_entry"]
    usage: dict[str, Any] = {
        "logtime": format_time(row["recorded_at"]),
        "action": row["endpoint"],
        "receiverCode": member,
        "receiverSystem": system,
        "representedParty": _party(row["represented"]),
        # Who of a body it was is for the body and the auditor; the person learns the body.
        "self": actor is Actor.SELF,
        "automatic": actor is Actor.SYSTEM,
        "service": row["service"],
        "purpose": row["purpose"],
        "legalBasis": row["legal_basis"],
        "case": row["case_number"],
        "exchange": str(row["exchange"]),
        "outcome": row["outcome"],
        "status": row["status"],
        "salt": row["leaf_salt"].hex() if row["leaf_salt"] is not None else None,
        # Until the sequencer has given it an index: seconds.
        "leaf": {"entry": entry.decode(), "index": None} if entry is not None else None,
        "proof": None,
        "checkpoint": None,
    }
    if proof is not None:
        usage |= proof.as_json()
    return usage


def _party(represented: str) -> dict[str, str] | None:
    if not represented:
        return None
    party_class, _, code = represented.rpartition("/")
    return {"class": party_class, "code": code}


def _wanted(body: bytes) -> _Wanted:
    content = json.loads(body) if body else {}
    if not isinstance(content, dict):
        raise ValueError("not an object")  # noqa: TRY004
    limit, offset = content.get("limit", _USUAL_PAGE), content.get("offset", 0)
    if not (type(limit) is int and type(offset) is int):
        raise ValueError("not whole numbers")
    if not (1 <= limit <= _LARGEST_PAGE and 0 <= offset <= 1_000_000):
        raise ValueError("out of range")
    before, exchange = content.get("before"), content.get("exchange")
    instant = None if before is None else datetime.fromisoformat(str(before))
    if instant is not None and (instant.tzinfo is None or not 2000 <= instant.year < 9999):
        raise ValueError("an instant needs an offset, and lies in this era")
    return _Wanted(limit, offset, instant, None if exchange is None else UUID(str(exchange)))
