"""How many requests an agreement has left: counted in the database, in groups.

Whatever came in while the last count ran is counted together, so a busy agreement costs one
small commit for many requests. Every node of the database counts in the same row; a restart
forgets nothing, and what was taken for a request that then failed is not given back.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from enum import Enum

import asyncpg

from pencere.gateway.directory.terms import Quota
from pencere.gateway.log.database import GONE

log = logging.getLogger(__name__)
_WAITING = 10_000
_GROUP = 512
_KNOWN = 10_000

_OPEN = """
insert into gateway.quota_use (agreement, first_day)
select * from unnest($1::text[], $2::date[]) on conflict do nothing
"""
# Locked in one order, so that two nodes never wait for each other.
_TAKE = """
with wanted as (
    select * from unnest($1::text[], $2::date[], $3::bigint[], $4::bigint[])
        as w (agreement, first_day, asked, allowed)
), before as (
    select q.agreement, q.first_day, q.used from gateway.quota_use q
    join wanted w using (agreement, first_day) order by 1, 2 for update of q
)
update gateway.quota_use q
set used = b.used + least(w.asked, greatest(0, w.allowed - b.used))
from before b join wanted w using (agreement, first_day)
where q.agreement = b.agreement and q.first_day = b.first_day
returning q.agreement, q.first_day, q.used - b.used as granted
"""


class Taken(Enum):
    """Whether a request is within its quota."""

    TAKEN = "taken"
    EXHAUSTED = "exhausted"
    FAILED = "failed"


Done = Callable[[Taken], None]
_Key = tuple[str, date]


class QuotaCounter:
    """Counts for one node; give it `url` of the app user."""

    def __init__(self, url: str, *, timeout_s: float = 5.0) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._waiting: list[tuple[_Key, int, Done]] = []
        self._opened: set[_Key] = set()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._task: asyncio.Task[None] | None = None

    def take(self, agreement: str, quota: Quota, on: date, done: Done) -> None:
        """Count one request of the day `on`; `done` is told once."""
        if len(self._waiting) >= _WAITING:
            done(Taken.FAILED)
            return
        self._waiting.append(((agreement, quota.first_day(on)), quota.count, done))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Count what waits, then close."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await self._close()

    async def _run(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
            try:
                async with asyncio.timeout(self._timeout_s):
                    granted = await self._count(group)
            except GONE as problem:
                log.error("quota_not_counted reason=%s", type(problem).__name__)  # noqa: TRY400
                await self._close()
                granted = None
            for key, _, done in group:
                if granted is None:
                    _tell(done, Taken.FAILED)
                elif granted[key] > 0:
                    granted[key] -= 1
                    _tell(done, Taken.TAKEN)
                else:
                    _tell(done, Taken.EXHAUSTED)

    async def _count(self, group: list[tuple[_Key, int, Done]]) -> dict[_Key, int]:
        asked: defaultdict[_Key, int] = defaultdict(int)
        allowed: dict[_Key, int] = {}
        for key, count, _ in group:
            asked[key] += 1
            # Two versions of a directory may meet in a group; the stricter one holds.
            allowed[key] = min(count, allowed.get(key, count))
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(self._url, timeout=self._timeout_s)
        keys = sorted(asked)
        names, days = [key[0] for key in keys], [key[1] for key in keys]
        fresh = [key for key in keys if key not in self._opened]
        if fresh:
            await self._connection.execute(
                _OPEN, [key[0] for key in fresh], [key[1] for key in fresh]
            )
            if len(self._opened) > _KNOWN:
                self._opened.clear()
            self._opened.update(fresh)
        rows = await self._connection.fetch(
            _TAKE, names, days, [asked[key] for key in keys], [allowed[key] for key in keys]
        )
        return {(row["agreement"], row["first_day"]): row["granted"] for row in rows}

    async def _close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(*GONE):
                await self._connection.close(timeout=2)
            self._connection = None


def _tell(done: Done, taken: Taken) -> None:
    try:
        done(taken)
    except Exception:
        log.exception("quota_callback_failed")
