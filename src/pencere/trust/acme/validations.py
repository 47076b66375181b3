"""Challenges that were asked for are tried, also after a stop in between.

What is to be tried stands in the database; a task takes it from there. Several copies of the
service do not try the same one: each holds the row while it works.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool

from pencere.kernel.clock import Clock
from pencere.trust.acme import orders
from pencere.trust.acme.http01 import Validator
from pencere.trust.acme.identifiers import Identifier
from pencere.trust.acme.problems import Problem
from pencere.trust.store import Connection

log = logging.getLogger(__name__)

# A claim of a copy that died in the middle is taken over after this.
CLAIMED_FOR = timedelta(seconds=30)
MOST_AT_ONCE = 16
_LOOKED_EVERY_S = 2.0


@dataclass
class Validations:
    """The task that tries challenges; `connect` gives a connection whose transaction it ends."""

    connect: Callable[[], AbstractContextManager[Connection]]
    validator: Validator
    clock: Clock
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _running: set[str] = field(default_factory=set)

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    async def run(self) -> None:
        """Try what is asked for until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                try:
                    for one in await run_in_threadpool(self._claim):
                        self._running.add(str(one["id"]))
                        tasks.create_task(self._try(one))
                except Exception as error:
                    log.warning("acme_validations_interrupted error=%s", type(error).__name__)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOKED_EVERY_S):
                        await self._wake.wait()

    def _claim(self) -> list[Mapping[str, Any]]:
        room = MOST_AT_ONCE - len(self._running)
        if room <= 0:
            return []
        now = self.clock.now()
        with self.connect() as connection:
            # asked_at is moved to when the claim ends, so no other copy sees the row until then.
            rows = connection.execute(
                "update trust.acme_authorization a set asked_at = %s"
                " from trust.acme_order o join trust.acme_account c on c.id = o.account"
                ' where o.id = a."order" and a.id in (select id from trust.acme_authorization'
                " where status = 'processing' and asked_at <= %s order by asked_at limit %s"
                " for update skip locked)"
                " returning a.id, a.kind, a.value, a.token, c.thumbprint",
                (now + CLAIMED_FOR, now, room),
            ).fetchall()
        return [
            {"id": row[0], "identifier": Identifier(row[1], row[2]), "token": row[3], "key": row[4]}
            for row in rows
            if row[0] not in self._running
        ]

    async def _try(self, one: Mapping[str, Any]) -> None:
        error: dict[str, Any] | None = None
        try:
            try:
                await self.validator.check(one["identifier"], one["token"], bytes(one["key"]))
            except Problem as problem:
                error = problem.as_row()
            await run_in_threadpool(self._settle, one["id"], error)
            log.info(
                "acme_challenge authorization=%s outcome=%s",
                one["id"],
                error["kind"] if error else "valid",
            )
        except Exception as failure:
            # It stays asked for, and is tried again when the claim has ended.
            log.warning("acme_challenge_interrupted error=%s", type(failure).__name__)
        finally:
            self._running.discard(str(one["id"]))

    def _settle(self, identifier: str, error: dict[str, Any] | None) -> None:
        with self.connect() as connection:
            orders.settle(connection, identifier, error, at=self.clock.now())
