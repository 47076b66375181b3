"""Hands the events of writes to the gateway's node, until it has them. docs/specs/registers.md.

Each system has a turn of its own, so that one whose events are not taken delays nobody else. The
note that the node has an event follows the sending: whoever is killed between the two sends it
again, under the key by which the node knows it.
"""

import asyncio
import logging

import asyncpg
import httpx

from pencere.kernel.errors import Unavailable
from pencere.registers import outbox_rows as rows
from pencere.registers.engine import Registers
from pencere.registers.event_port import EventPort, Verdict
from pencere.registers.store import Connection

log = logging.getLogger(__name__)
_LOOK_S = 1.0
_GROUP = 50
_TIMEOUT_S = 10.0
# Each holds a connection of the pool, whose others are for questions. Systems take turns at them.
_AT_ONCE = 4
_GONE = (Unavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


class Outbox:
    """Works until cancelled."""

    def __init__(self, registers: Registers, port: EventPort) -> None:
        self._registers = registers
        self._port = port
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._working: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Hand over what waits; a database that is away is waited for."""
        async with httpx.AsyncClient(base_url=self._port.url, timeout=_TIMEOUT_S) as node:
            try:
                while True:
                    await self._look(node)
                    await asyncio.sleep(_LOOK_S)
            finally:
                tasks = list(self._working.values())
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def hand_over(self, node: httpx.AsyncClient, system: str) -> int:
        """Hand over a group of the system's events; return how many were settled.

        0 when there is nothing more to do now: another process has the system's turn, or the
        node takes nothing of it.
        """
        settled = 0
        async with self._registers.connection() as connection:
            if not await rows.take_turn(connection, system):
                return 0
            now = self._registers.clock.now()
            for row in await rows.next_events(connection, system, now, _GROUP):
                if not await self._one(node, connection, row):
                    return 0
                if settled == 0:
                    await rows.open_way(connection, system)
                settled += 1
        return settled

    async def _look(self, node: httpx.AsyncClient) -> None:
        try:
            async with self._registers.connection() as connection:
                due = await rows.due_systems(connection, self._registers.clock.now())
        except _GONE as problem:
            log.warning("events_not_read reason=%s", type(problem).__name__)
            return
        for system in due:
            if system not in self._working:
                task = asyncio.create_task(self._work(node, system))
                self._working[system] = task

    async def _work(self, node: httpx.AsyncClient, system: str) -> None:
        try:
            is_more = True
            while is_more:
                async with self._slots:
                    is_more = await self.hand_over(node, system) > 0
        except _GONE as problem:
            log.warning("events_not_handed_over reason=%s", type(problem).__name__)
        finally:
            del self._working[system]

    async def _one(
        self, node: httpx.AsyncClient, connection: Connection, row: asyncpg.Record
    ) -> bool:
        """Post one event and note what came of it; return false when the way is closed."""
        answer = await self._port.post(node, rows.event_of(row))
        now, is_dead = self._registers.clock.now(), False
        match answer.verdict:
            case Verdict.TAKEN:
                await rows.note_taken(connection, row)
            case Verdict.LATER:
                is_dead = not await rows.note_later(connection, row, now, answer.reason)
            case Verdict.NEVER:
                await rows.note_never(connection, row, now, answer.reason)
                is_dead = True
            case Verdict.CLOSED:
                died = await rows.close_way(connection, row["system"], now, answer.reason)
                log.warning("events_not_taken system=%s reason=%s dead=%d",
                            row["system"], answer.reason, died)  # fmt: skip
                return False
        if is_dead:
            log.error("event_dead key=%s reason=%s", row["key"], answer.reason)
        return True
