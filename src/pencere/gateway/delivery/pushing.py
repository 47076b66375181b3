"""From the subscriber's node to its system, where the node file has an address for that."""

import asyncio
import contextlib
import json
import logging

from pencere.gateway.directory.builtin import DELIVER_EVENT
from pencere.gateway.events.arrivals import Arrival
from pencere.gateway.exchange.core import Core
from pencere.gateway.http.client import Failure, Reply
from pencere.gateway.log.database import GONE
from pencere.gateway.wire.identifiers import parse_target

log = logging.getLogger(__name__)
_TIMEOUT_S = 10.0
_LEASE_S = 60.0


class Pusher:
    """Works until stopped."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def run(self) -> None:
        """Push the first waiting event of each subscriber and type; the next when it is done."""
        core = self._core
        while True:
            core.pushes_wanted.clear()
            try:
                subscribers = self._subscribers()
                due = await core.arrivals.due(subscribers, _LEASE_S) if subscribers else []
                await asyncio.gather(*(self._push(one) for one in due))
                if due:
                    continue
            except GONE as problem:
                log.error("events_not_pushed reason=%s", type(problem).__name__)  # noqa: TRY400
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(core.pushes_wanted.wait(), core.config.delivery.look_s)

    def _subscribers(self) -> list[str]:
        end = f"/{DELIVER_EVENT}"
        services = self._core.node_file.current.services
        return [one.removesuffix(end) for one in services if one.endswith(end)]

    async def _push(self, arrival: Arrival) -> None:
        core, settings = self._core, self._core.config.delivery
        reply = await self._ask(arrival)
        if isinstance(reply, Reply) and 200 <= reply.status < 300:
            await core.arrivals.pushed(arrival, "acknowledged", "", 0.0, core.now())
            return
        reason = reply.trouble.value if isinstance(reply, Failure) else f"status {reply.status}"
        is_said_no = isinstance(reply, Reply) and reply.status < 500
        # A system that is away blocks nobody else's events; what it cannot take does not block
        # the next one for ever.
        is_dead = is_said_no and arrival.attempts >= settings.event_attempts
        wait_s = min(settings.longest_s, settings.first_s * 2 ** min(arrival.attempts - 1, 30))
        await core.arrivals.pushed(
            arrival, "dead" if is_dead else "waiting", reason, wait_s, core.now()
        )
        if is_dead:
            log.error(
                "event_set_aside type=%s number=%s reason=%s", arrival.type, arrival.number, reason
            )

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
            timeout_s=upstream.timeout_s or _TIMEOUT_S,
            done=on_reply,
        )
        return await done
