"""Hands the events of writes to the gateway's node, in order, until it has them."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncpg
import httpx

from pencere.registers.engine import Registers

log = logging.getLogger(__name__)
_LOOK_S = 1.0
_LONGEST_S = 30.0
_GROUP = 50
_TIMEOUT_S = 10.0
_ACCEPTED = 202
# One process at a time hands over, so that events keep their order.
_TURN = "select pg_try_advisory_xact_lock(hashtextextended('registers event outbox', 0))"
_NEXT = "select * from registers.event_outbox order by id limit $1"


@dataclass(frozen=True)
class EventPort:
    """The node's port for information systems, and the key of each system that publishes.

    Systems are `body/system`; `state` stands before them: instance and class.
    """

    url: str
    state: str
    keys: Mapping[str, str] = field(repr=False)


class Outbox:
    """Works until cancelled."""

    def __init__(self, registers: Registers, port: EventPort) -> None:
        self._registers = registers
        self._port = port

    async def run(self) -> None:
        """Hand over what waits; a node that is away is asked again, later and later."""
        wait_s = _LOOK_S
        async with httpx.AsyncClient(base_url=self._port.url, timeout=_TIMEOUT_S) as node:
            while True:
                try:
                    sent, is_stuck = await self.hand_over(node)
                except (httpx.HTTPError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    log.warning("events_not_handed_over")
                    sent, is_stuck = 0, True
                wait_s = min(wait_s * 2, _LONGEST_S) if is_stuck and not sent else _LOOK_S
                if sent < _GROUP:
                    await asyncio.sleep(wait_s)

    async def hand_over(self, node: httpx.AsyncClient) -> tuple[int, bool]:
        """Hand over a group; return how many the node took, and whether one is stuck.

        What one system cannot get rid of does not hold up the others.
        """
        sent, stuck = 0, set[str]()
        async with self._registers.connection() as connection, connection.transaction():
            if not await connection.fetchval(_TURN):
                return 0, False
            for row in await connection.fetch(_NEXT, _GROUP):
                if row["system"] in stuck:
                    continue
                if not await self._post(node, row):
                    stuck.add(row["system"])
                    continue
                await connection.execute(
                    "delete from registers.event_outbox where id = $1", row["id"]
                )
                sent += 1
        return sent, bool(stuck)

    async def _post(self, node: httpx.AsyncClient, row: asyncpg.Record) -> bool:
        headers = {
            "X-Road-Client": f"{self._port.state}/{row['system']}",
            "Pencere-Client-Key": self._port.keys.get(row["system"], ""),
            "Idempotency-Key": row["key"],
            "Content-Type": "application/json",
        }
        if row["person"]:
            headers["Pencere-Person"] = row["person"]
        data = row["data"]
        body = data if isinstance(data, str) else json.dumps(data)
        answer = await node.post(f"/events/{row['type']}", headers=headers, content=body)
        if answer.status_code != _ACCEPTED:
            log.error(
                "event_not_taken type=%s status=%s code=%s",
                row["type"], answer.status_code, answer.headers.get("X-Road-Error", ""),
            )  # fmt: skip
        return answer.status_code == _ACCEPTED
