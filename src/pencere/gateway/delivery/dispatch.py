"""Sends what was taken over: each attempt is an exchange of its own, signed and in both logs."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from pencere.gateway.directory.rights import decide
from pencere.gateway.exchange import consumer
from pencere.gateway.exchange import core as shared
from pencere.gateway.exchange.core import Core
from pencere.gateway.log.database import GONE
from pencere.gateway.messages import receipts
from pencere.gateway.messages.backlog import Backlog
from pencere.gateway.messages.inbox import HEADER, is_final
from pencere.gateway.messages.store import Due, Ending
from pencere.gateway.wire.faults import Fault, Kind, Side
from pencere.gateway.wire.head import Headers
from pencere.gateway.wire.identifiers import parse_target
from pencere.gateway.working import called
from pencere.kernel.http.body import Body, Stream
from pencere.kernel.http.message import Request

log = logging.getLogger(__name__)
_LEASE_S = 180.0
# What a provider's node may answer to a message.
_LARGEST_ANSWER = 10 * 1024 * 1024
_SPREAD = secrets.SystemRandom()
_DROP_EVERY_S = 600.0
# A right that ended, a service that is not: trying again changes nothing.
_FOR_GOOD = frozenset(
    {
        Kind.ACCESS_DENIED, Kind.UNKNOWN_MEMBER, Kind.UNKNOWN_SERVICE, Kind.SERVICE_TYPE,
        Kind.INVALID_CLIENT_IDENTIFIER, Kind.INVALID_SECURITY_SERVER, Kind.MISSING_HEADER,
        Kind.INVALID_HEADER, Kind.INVALID_REQUEST, Kind.CONSENT_MISSING,
        Kind.SUPPRESSION_NOT_ALLOWED, Kind.MESSAGE_CONFLICT, Kind.HEAD_TOO_LARGE,
    }
)  # fmt: skip
# What a node says by its directory, of which it may have another version than this one.
_BY_DIRECTORY = frozenset(
    {
        Kind.ACCESS_DENIED, Kind.UNKNOWN_MEMBER, Kind.UNKNOWN_SERVICE,
        Kind.INVALID_CLIENT_IDENTIFIER,
    }
)  # fmt: skip
_ENDS = {name for kind in _FOR_GOOD for name in (kind.classic, kind.snake)}
_MAY_CHANGE = {name for kind in _BY_DIRECTORY for name in (kind.classic, kind.snake)}


@dataclass(frozen=True, slots=True)
class Came:
    """What one attempt brought."""

    status: int
    headers: Headers
    body: bytes

    @property
    def fault(self) -> str:
        """The gateway's own refusal, empty when a service answered."""
        return self._header(b"x-road-error")

    @property
    def exchange(self) -> UUID | None:
        """The exchange that was answered."""
        with contextlib.suppress(ValueError):
            return UUID(self._header(b"x-road-request-id"))
        return None

    @property
    def state(self) -> str:
        """`delivered`, `refused`, or empty: try again."""
        fault = self.fault
        if fault:
            return "refused" if fault.rpartition(".")[2] in _ENDS else ""
        if 200 <= self.status < 300:
            return "delivered"
        return "refused" if is_final(self.status) else ""

    @property
    def is_by_directory(self) -> bool:
        """Whether a node refused by what stands in its directory."""
        return self.fault.rpartition(".")[2] in _MAY_CHANGE

    def _header(self, lower: bytes) -> str:
        found = [value for name, value in self.headers if name.lower() == lower]
        return found[-1].decode("latin-1") if found else ""


class Dispatcher:
    """Works until stopped."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._settings = core.config.delivery
        self._tasks: set[asyncio.Task[None]] = set()
        self.backlog = Backlog()

    async def run(self) -> None:
        """Send what is due; a database that is away is waited for."""
        core, look_s = self._core, self._settings.look_s
        is_fresh, drop_at = True, 0.0
        while True:
            core.delivery_wanted.clear()
            try:
                if is_fresh:
                    await core.messages.release_own()
                    is_fresh = False
                free = self._settings.at_once - len(self._tasks)
                for due in await core.messages.claim(free, _LEASE_S) if free > 0 else ():
                    self._start(due)
                if core.loop.time() >= drop_at:
                    await core.messages.drop(core.now() - self._settings.kept)
                    drop_at = core.loop.time() + _DROP_EVERY_S
                self.backlog = await core.messages.backlog()
            except GONE as problem:
                log.error("messages_not_read reason=%s", type(problem).__name__)  # noqa: TRY400
            await called(core.delivery_wanted, look_s)

    async def stop(self) -> None:
        """Let go; what was in work is sent again after the start, and has its effect once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, due: Due) -> None:
        task = self._core.loop.create_task(self._send(due))
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._core.delivery_wanted.set()
            if not task.cancelled() and (problem := task.exception()) is not None:
                log.error("message_failed receipt=%s", due.receipt, exc_info=problem)

        task.add_done_callback(ended)

    async def _send(self, due: Due) -> None:
        if self._core.now() >= due.expires_at:
            await self._end(due, "dead", "expired", Came(0, [], b""))
            return
        came = await self._attempt(due)
        if came.state and not (came.is_by_directory and self._may_differ(due)):
            await self._end(due, came.state, came.fault, came)
            return
        reason = came.fault or f"status {came.status}"
        wait_s = min(
            self._settings.longest_s, self._settings.first_s * 2 ** min(due.attempts - 1, 30)
        ) * _SPREAD.uniform(0.5, 1.0)
        self._core.metrics.message("retried")
        log.info("message_later receipt=%s attempt=%s reason=%r", due.receipt, due.attempts, reason)
        await self._insist(lambda: self._core.messages.later(
            due.receipt, reason, wait_s, came.exchange))  # fmt: skip

    def _may_differ(self, due: Due) -> bool:
        """Say whether the other node may refuse by a directory that this one has a newer of."""
        core, now = self._core, self._core.now()
        if now >= due.accepted_at + self._settings.directories_differ:
            return False
        values = {name.lower(): value for name, value in due.headers}
        try:
            target = parse_target(due.target)
            facts = shared.circumstances(due.headers, values, Side.CLIENT)
            asked = shared.question(due.consumer, target, due.method, facts, now)
            decide(core.directory.for_client(), asked)
        except Fault:
            return False
        return True

    async def _attempt(self, due: Due) -> Came:
        done: asyncio.Future[Came] = self._core.loop.create_future()

        def respond(
            status: int, headers: Headers, body: bytes | Body | Stream, reason: str = ""
        ) -> None:
            del reason
            if not done.done():
                done.set_result(_came(status, headers, body))

        headers = [*due.headers, (HEADER, str(due.receipt).encode("ascii"))]
        request = Request(due.method, due.target, headers, due.body)
        consumer.handle(self._core, request, respond, own=due.consumer)
        return await done

    async def _end(self, due: Due, state: str, fault: str, came: Came) -> None:
        core, at = self._core, self._core.now()
        is_answer = not came.fault and came.status > 0
        values = {
            "receipt": str(due.receipt),
            "node": core.config.node,
            "consumer": due.consumer,
            "message": due.message_id,
            "service": due.service,
            "exchange": str(came.exchange or "-"),
            "status": str(came.status) if is_answer else "-",
            "fault": fault or "-",
            "answer": receipts.content_digest(came.body) if is_answer else "-",
            "time": at.isoformat(),
        }
        ending = Ending(
            state, fault, at, came.exchange, came.status if is_answer else None,
            came.headers if is_answer else [], came.body if is_answer else b"",
        )  # fmt: skip
        receipt = await asyncio.to_thread(receipts.sign, core.keys, state, values)
        await self._insist(lambda: core.messages.end(due.receipt, ending, receipt))
        core.metrics.message(state)
        log.info("message_ended receipt=%s state=%s fault=%s", due.receipt, state, fault)

    async def _insist(self, act: Callable[[], Awaitable[None]]) -> None:
        """Write it down; while the database is away the lease keeps others from sending."""
        for _ in range(int(_LEASE_S)):
            try:
                await act()
            except GONE:
                await asyncio.sleep(1.0)
            else:
                return
        log.error("message_state_not_kept")


def _came(status: int, headers: Headers, body: bytes | Body | Stream) -> Came:
    """Return what came; an answer beyond what a provider may give a message is a fault."""
    if isinstance(body, bytes):
        return Came(status, headers, body)
    with contextlib.closing(body):
        if len(body) <= _LARGEST_ANSWER:
            return Came(status, headers, b"".join(body.chunks()))
        return Came(413, [(b"X-Road-Error", b"server.clientproxy.io_error")], b"")


def expiry(core: Core, asked_s: int | None) -> timedelta:
    """Return how long a message is tried."""
    if asked_s is None:
        return core.config.delivery.usual
    return min(timedelta(seconds=asked_s), core.config.delivery.longest)
