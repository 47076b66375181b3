"""Connections to the node's database for messages and events, opened when first needed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TypeAlias

import asyncpg

from pencere.gateway.log.database import GONE

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
_MOST = 4
_TIMEOUT_S = 10.0


class DatabasePool:
    """Give it `url` of the app user. What is away shows itself as one of `GONE`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._turn = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Give a connection in a transaction, which ends with the block."""
        async with self._turn:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=0,
                    max_size=_MOST,
                    timeout=_TIMEOUT_S,
                    command_timeout=_TIMEOUT_S,
                )
        async with self._pool.acquire(timeout=_TIMEOUT_S) as connection, connection.transaction():
            yield connection

    async def stop(self) -> None:
        """Close all."""
        if self._pool is not None:
            with contextlib.suppress(*GONE):
                async with asyncio.timeout(3.0):
                    await self._pool.close()
            self._pool.terminate()
            self._pool = None
