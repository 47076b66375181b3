"""One process a node: whoever holds the lock of the node's name in its database.

Two processes of one identity would each end what the other has in work, as if it had crashed. The
second one waits, says so, and goes on by itself when the first is gone.
"""

import asyncio
import contextlib
import logging

import asyncpg

from pencere.gateway.log.database import GONE

log = logging.getLogger(__name__)
_LOOK_S = 1.0
_LOCK = "select pg_try_advisory_lock(hashtextextended('gateway.node ' || $1, 0))"
# A host that vanished lets go within a quarter of a minute.
_SETTINGS = {
    "application_name": "gateway-identity",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
}


class Identity:
    """The lock of a node's name. `held` is set while it is ours."""

    def __init__(self, url: str, node: str) -> None:
        self._url, self._node = url, node
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self.held = asyncio.Event()
        self.is_taken = False

    @property
    def refusal(self) -> str:
        """Why the node may carry nothing, or an empty text; an absent database says so itself."""
        if not self.is_taken:
            return ""
        return f"another process is {self._node} on this database; this one waits until it is gone"

    async def run(self) -> None:
        """Take the lock, keep it, take it again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> None:
        """Take the lock, or see that it is still ours."""
        try:
            if self._connection is None or self._connection.is_closed():
                self.held.clear()
                self._connection = await asyncpg.connect(
                    self._url, timeout=5, command_timeout=5, server_settings=_SETTINGS
                )
            if self.held.is_set():
                await self._connection.execute("select")
            elif await self._connection.fetchval(_LOCK, self._node):
                self.held.set()
                self._tell(is_taken=False)
            else:
                self._tell(is_taken=True)
        except GONE:
            self.held.clear()
            await self._close()

    async def stop(self) -> None:
        """Let go."""
        self.held.clear()
        await self._close()

    def _tell(self, *, is_taken: bool) -> None:
        if is_taken and not self.is_taken:
            log.error("identity_taken node=%s", self._node)
        elif self.is_taken and not is_taken:
            log.warning("identity_taken_over node=%s", self._node)
        self.is_taken = is_taken

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*GONE):
                await connection.close(timeout=2)
