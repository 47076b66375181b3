"""From the subscriber's node to its system, where the node file has an address for that."""

import asyncio
import json
import logging

from pencere.gateway.directory.builtin import DELIVER_EVENT
from pencere.gateway.events.arrivals import Arrival
from pencere.gateway.exchange.core import Core
from pencere.gateway.http.outcomes import Failure, Reply
from pencere.gateway.log.database import GONE
from pencere.gateway.messages.backlog import Backlog
from pencere.gateway.wire.identifiers import parse_target
from pencere.gateway.working import called

log = logging.getLogger(__name__)
_TIMEOUT_S = 10.0
_LONGEST_TIMEOUT_S = 60.0
# Of one push, and of noting what came of it.
_LEASE_S = 180.0


class Pusher:
    """Works until stopped."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._tasks: set[asyncio.Task[None]] = set()
        self.backlog = Backlog()

    async def run(self) -> None:
        """Push the first waiting event of each subscriber and type; the next when it is done.

        What is in work when it ends is pushed again after the start, under the same key.
        """
        try:
            await self._run()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self) -> None:
        core, settings = self._core, self._core.config.delivery
        is_fresh, count_at = True, 0.0
        while True:
            core.pushes_wanted.clear()
            try:
                if is_fresh:
                    await core.arrivals.release_own()
                    is_fresh = False
                subscribers = self._subscribers()
                for one in await core.arrivals.due(subscribers, _LEASE_S) if subscribers else ():
                    self._start(one)
                if core.loop.time() >= count_at:
                    self.backlog = await core.arrivals.backlog()
                    count_at = core.loop.time() + settings.count_s
            except GONE as problem:
                log.error("events_not_pushed reason=%s", type(problem).__name__)  # noqa: TRY400
            await called(core.pushes_wanted, settings.look_s)

    def _start(self, arrival: Arrival) -> None:
        task = self._core.loop.create_task(self._push(arrival))
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._core.pushes_wanted.set()
            if not task.cancelled() and (problem := task.exception()) is not None:
                log.error(
                    "event_push_failed type=%s number=%s",
                    arrival.type, arrival.number, exc_info=problem,
                )  # fmt: skip

        task.add_done_callback(ended)

    def _subscribers(self) -> list[str]:
        end = f"/{DELIVER_EVENT}"
        services = self._core.node_file.current.services
        return [one.removesuffix(end) for one in services if one.endswith(end)]

    async def _push(self, arrival: Arrival) -> None:
        core, settings = self._core, self._core.config.delivery
        reply = await self._ask(arrival)
        if isinstance(reply, Reply) and 200 <= reply.status < 300:
            await self._note(arrival, "acknowledged", "", 0.0)
            core.metrics.event("acknowledged")
            return
        reason = reply.trouble.value if isinstance(reply, Failure) else f"status {reply.status}"
        is_said_no = isinstance(reply, Reply) and reply.status < 500
        # A system that is away blocks nobody else's events; what it cannot take does not block
        # the next one for ever.
        is_dead = is_said_no and arrival.attempts >= settings.event_attempts
        wait_s = min(settings.longest_s, settings.first_s * 2 ** min(arrival.attempts - 1, 30))
        await self._note(arrival, "dead" if is_dead else "waiting", reason, wait_s)
        core.metrics.event("dead" if is_dead else "retried")
        if is_dead:
            log.error(
                "event_set_aside type=%s number=%s reason=%s", arrival.type, arrival.number, reason
            )

    async def _note(self, arrival: Arrival, state: str, reason: str, wait_s: float) -> None:
        """Write it down; while the database is away the lease keeps others from pushing."""
        for _ in range(int(_LEASE_S)):
            try:
                await self._core.arrivals.pushed(arrival, state, reason, wait_s, self._core.now())
            except GONE:
                await asyncio.sleep(1.0)
            else:
                return
        log.error("event_state_not_kept type=%s number=%s", arrival.type, arrival.number)

    async def _ask(self, arrival: Arrival) -> Reply | Failure:
        core = self._core
        name = arrival.type.rpartition("/")[2]
        target = parse_target(f"/r1/{arrival.subscriber}/{DELIVER_EVENT}/{name}")
        upstream = core.node_file.current.services[f"{arrival.subscriber}/{DELIVER_EVENT}"]
        headers = [
            (b"content-type", b"application/json"),
            (b"idempotency-key", str(arrival.id).encode("ascii")),
        ]
        if arrival.person:
            headers.append((b"pencere-person", arrival.person.encode("ascii")))
        done: asyncio.Future[Reply | Failure] = core.loop.create_future()

        def on_reply(reply: Reply | Failure) -> None:
            if not done.done():
                done.set_result(reply)

        body = json.dumps(arrival.content(), ensure_ascii=False).encode()
        core.upstreams.send(
            upstream,
            target,
            ("POST", headers, body),
            timeout_s=min(upstream.timeout_s or _TIMEOUT_S, _LONGEST_TIMEOUT_S),
            done=on_reply,
        )
        return await done
