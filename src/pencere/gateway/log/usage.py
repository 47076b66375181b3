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
from typing import Any

import asyncpg
import psycopg
from psycopg_pool import PoolTimeout

from pencere.gateway.log.sealing import Sealer
from pencere.gateway.wire.evidence import format_time
from pencere.gateway.wire.faults import Fault, Kind, server_fault
from pencere.gateway.wire.head import Headers
from pencere.gateway.wire.identifiers import FIND_USAGE
from pencere.ledger.store import Evidence, Reader

log = logging.getLogger(__name__)
Answer = tuple[int, Headers, bytes]
_LARGEST_PAGE = 100
_USUAL_PAGE = 50

_COUNT = """
select count(*) from gateway.request r join gateway.response s using (exchange, side)
where r.side = 'provider' and r.person_digest = $1 and r.provider = $2 and r.service <> $3
"""
_PAGE = """
select r.exchange, r.consumer, r.service, r.method, r.endpoint, r.purpose, r.legal_basis,
    r.case_number, r.recorded_at, s.outcome, s.status, s.leaf_hash, s.leaf_entry, s.leaf_salt
from gateway.request r join gateway.response s using (exchange, side)
where r.side = 'provider' and r.person_digest = $1 and r.provider = $2 and r.service <> $3
order by r.seq desc limit $4 offset $5
"""


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
        if not person or user[2:].upper() != person:
            done(
                server_fault(
                    Kind.ACCESS_DENIED,
                    "findUsage answers a person about their own data:"
                    " X-Road-UserId must be AZ and the FIN of Pencere-Person",
                )
            )
            return
        try:
            limit, offset = _page(body)
        except ValueError:
            done(
                server_fault(
                    Kind.INVALID_REQUEST,
                    f'the body must be like {{"offset": 0, "limit": {_USUAL_PAGE}}};'
                    f" at most {_LARGEST_PAGE} at once",
                )
            )
            return
        task = asyncio.get_running_loop().create_task(
            self._answer(provider, person, limit, offset, done)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(
        self,
        provider: str,
        person: str,
        limit: int,
        offset: int,
        done: Callable[[Answer | Fault], None],
    ) -> None:
        try:
            answer = await self._find(provider, person, limit, offset)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError,
                psycopg.Error, PoolTimeout) as problem:  # fmt: skip
            log.error("find_usage_failed reason=%s", type(problem).__name__)  # noqa: TRY400
            done(server_fault(Kind.LOGGING_FAILED, "the log cannot be read now; ask again"))
            return
        done(answer)

    async def _find(self, provider: str, person: str, limit: int, offset: int) -> Answer:
        if self._pool is None:
            self._pool = await asyncpg.create_pool(
                self._url, min_size=0, max_size=3, timeout=5, command_timeout=10
            )
        digest, own = self._sealer.person_digest(person), f"{provider}/{FIND_USAGE}"
        total = await self._pool.fetchval(_COUNT, digest, provider, own)
        rows = await self._pool.fetch(_PAGE, digest, provider, own, limit, offset)
        hashes = [row["leaf_hash"] for row in rows if row["leaf_hash"] is not None]
        proofs = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._ledger.evidence, hashes
        )
        content = {
            "totalUsages": total,
            "offset": offset,
            "usages": [_usage(row, proofs.get(row["leaf_hash"])) for row in rows],
        }
        body = json.dumps(content, ensure_ascii=False).encode()
        return 200, [(b"content-type", b"application/json;charset=utf-8")], body


def _usage(row: asyncpg.Record, proof: Evidence | None) -> dict[str, Any]:
    _, _, member, system = row["consumer"].split("/")
    entry: bytes | None = row["leaf_entry"]
    usage: dict[str, Any] = {
        "logtime": format_time(row["recorded_at"]),
        "action": row["endpoint"],
        "receiverCode": member,
        "receiverSystem": system,
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


def _page(body: bytes) -> tuple[int, int]:
    content = json.loads(body) if body else {}
    if not isinstance(content, dict):
        raise ValueError("not an object")  # noqa: TRY004
    limit, offset = content.get("limit", _USUAL_PAGE), content.get("offset", 0)
    if not (type(limit) is int and type(offset) is int):
        raise ValueError("not whole numbers")
    if not (1 <= limit <= _LARGEST_PAGE and 0 <= offset <= 1_000_000):
        raise ValueError("out of range")
    return limit, offset
