"""Why requests were refused: kept for operators under the number that the caller was shown.

It proves nothing, so it never holds up an answer: rows are written behind, dropped when there
are too many at once, and the oldest go. No header value that names a person, and no path.
"""

import asyncio
import logging
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from pencere.gateway.log.database import GONE

log = logging.getLogger(__name__)
KEPT = timedelta(days=30)
KEPT_ROWS = 100_000
_WAITING = 2_000
_GROUP = 200
_PRUNE_EVERY = 1_000


class Refusal(NamedTuple):
    """One row of `gateway.refusal`, in the order of its columns."""

    detail: UUID
    recorded_at: datetime
    node: str
    side: str
    code: str
    status: int
    exchange: UUID | None
    consumer: str
    service: str
    method: str
    purpose: str
    legal_basis: str
    directory_version: int
    message: str
    reasons: list[str]

    def as_json(self) -> dict[str, Any]:
        """Return it as `/why/` answers it."""
        told = self._asdict()
        return told | {
            "detail": str(self.detail),
            "recorded_at": self.recorded_at.isoformat(),
            "exchange": str(self.exchange) if self.exchange else None,
        }


_COLUMNS = ", ".join(Refusal._fields)
_PLACES = ", ".join(f"${at}" for at in range(1, len(Refusal._fields) + 1))
# S608: nothing but our own column names goes in.
_INSERT = f"insert into gateway.refusal ({_COLUMNS}) values ({_PLACES}) on conflict do nothing"  # noqa: S608
_FIND = f"select {_COLUMNS} from gateway.refusal where detail = $1 order by side"  # noqa: S608
_PRUNE = """
delete from gateway.refusal where recorded_at < $1 or detail in
    (select detail from gateway.refusal order by recorded_at desc offset $2)
"""


class RefusalLog:
    """Keeps refusals of one node; give it `url` of the app user."""

    def __init__(self, url: str, *, kept_rows: int = KEPT_ROWS) -> None:
        self._url = url
        self._kept_rows = kept_rows
        self._waiting: list[Refusal] = []
        self._task: asyncio.Task[None] | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._since_pruned = _PRUNE_EVERY
        self.dropped = 0

    def add(self, refusal: Refusal) -> None:
        """Keep one, soon."""
        if len(self._waiting) >= _WAITING:
            self.dropped += 1
            return
        self._waiting.append(refusal)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def find(self, detail: UUID) -> list[Refusal]:
        """Return what this node, and another of its database, kept; GONE when it cannot be read."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        rows = await (await self._connections()).fetch(_FIND, detail)
        return [Refusal(*row) for row in rows]

    def answering(self, work: Coroutine[Any, Any, None]) -> None:
        """Run what answers an operator; it ends before the log is closed."""
        task = asyncio.get_running_loop().create_task(work)
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def stop(self) -> None:
        """Write what waits, then close."""
        await asyncio.gather(*self._answering, return_exceptions=True)
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        if self._pool is not None:
            await self._pool.close()

    async def _run(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
            try:
                pool = await self._connections()
                await pool.executemany(_INSERT, group)
                self._since_pruned += len(group)
                if self._since_pruned >= _PRUNE_EVERY:
                    self._since_pruned = 0
                    newest = max(one.recorded_at for one in group)
                    await pool.execute(_PRUNE, newest - KEPT, self._kept_rows)
            except GONE as problem:
                self.dropped += len(group)
                log.warning("refusals_not_kept reason=%s", type(problem).__name__)

    async def _connections(self) -> "asyncpg.Pool[asyncpg.Record]":
        if self._pool is None:
            self._pool = await asyncpg.create_pool(
                self._url, min_size=0, max_size=2, timeout=5, command_timeout=10
            )
        return self._pool
