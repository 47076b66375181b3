"""Monitoring records: what X-Road calls operational monitoring (PR-OPMON), of both sides.

They prove nothing and name nobody, so they never hold up an answer: written once a second,
dropped and counted when too many wait, deleted when they are old. docs/reference/monitoring.md.
"""

import asyncio
import contextlib
import logging
from collections import deque
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple
from uuid import UUID

import asyncpg

from pencere.gateway.log.database import GONE
from pencere.kernel.clock import Clock

log = logging.getLogger(__name__)
_EVERY_S = 1.0
_GROUP = 5_000
_PRUNE_EVERY_S = 600.0
_PRUNE = """
delete from gateway.monitoring where id in
    (select id from gateway.monitoring where recorded_at < $1 order by id limit 20000)
"""


class MonitoringRecord(NamedTuple):
    """One row of `gateway.monitoring`, in the order of its columns. `*_ms`: since 1970."""

    recorded_at: datetime
    node: str
    side: str
    request_in_ms: int
    request_out_ms: int | None
    response_in_ms: int | None
    response_out_ms: int
    exchange: UUID | None
    message_id: str
    consumer: str
    service: str
    service_type: str
    method: str
    endpoint: str
    agreement: str
    represented: str
    peer: str
    request_bytes: int
    response_bytes: int
    status: int
    fault: str
    trace: bytes


class RecordWriter:
    """Writes records behind the exchanges; give it the app user's `url`."""

    def __init__(self, url: str, clock: Clock, *, kept: timedelta, limit: int = 20_000) -> None:
        self._url = url
        self._clock = clock
        self._kept = kept
        self._limit = limit
        self._waiting: deque[MonitoringRecord] = deque()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        # One connection does one thing at a time.
        self._writing = asyncio.Lock()
        self.dropped = 0
        self.written = 0

    @property
    def depth(self) -> int:
        """How many wait to be written."""
        return len(self._waiting)

    def add(self, record: MonitoringRecord) -> None:
        """Keep a record, soon; the newest are dropped when too many wait."""
        if len(self._waiting) >= self._limit:
            self.dropped += 1
            return
        self._waiting.append(record)

    async def run(self) -> None:
        """Write until cancelled."""
        loop = asyncio.get_running_loop()
        prune_at = loop.time()
        while True:
            try:
                await self.flush()
                if loop.time() >= prune_at:
                    prune_at = loop.time() + _PRUNE_EVERY_S
                    await self._prune()
            except GONE as problem:
                log.warning("monitoring_not_written reason=%s", type(problem).__name__)
                await self._drop_connection()
            await asyncio.sleep(_EVERY_S)

    async def flush(self) -> None:
        """Write what waits; GONE when the database is away, and nothing is lost by that."""
        async with self._writing:
            while self._waiting:
                group = list(islice(self._waiting, _GROUP))
                connection = await self._connect()
                await connection.copy_records_to_table(
                    "monitoring",
                    schema_name="gateway",
                    records=group,
                    columns=MonitoringRecord._fields,
                    timeout=10,
                )
                for _ in group:
                    self._waiting.popleft()
                self.written += len(group)

    async def stop(self) -> None:
        """Write what waits, then close."""
        with contextlib.suppress(*GONE):
            await self.flush()
        if self._connection is not None:
            with contextlib.suppress(*GONE):
                await self._connection.close(timeout=2)

    async def _prune(self) -> None:
        async with self._writing:
            connection = await self._connect()
            await connection.execute(_PRUNE, self._clock.now() - self._kept)

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._url, timeout=5, command_timeout=10,
                # A record may be lost in a crash; an answer never waits for one.
                server_settings={
                    "application_name": "gateway-monitoring", "synchronous_commit": "off"
                },
            )  # fmt: skip
        return self._connection

    async def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
