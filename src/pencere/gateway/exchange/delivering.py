"""`deliverEvent`: the subscriber's node takes an event; its signed answer is the receipt."""

import asyncio
import json
import logging

from pencere.gateway.exchange.call import Answer, Call, Done
from pencere.gateway.log.database import GONE
from pencere.gateway.wire.faults import Fault, Kind, server_fault

log = logging.getLogger(__name__)
_tasks: set[asyncio.Task[None]] = set()


def deliver_event(call: Call, done: Done) -> None:
    """Keep the event, then answer; raises the fault that refuses it."""
    try:
        said = json.loads(call.small_body)
        is_own = said["type"] == f"{call.client}{call.target.path}"
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise _wrong() from problem
    if not is_own or said.get("subscription") != call.grant.agreement:
        raise _wrong()

    async def run() -> None:
        done(await _keep(call, said))

    task = call.core.loop.create_task(run())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _keep(call: Call, said: dict[str, object]) -> Answer | Fault:
    now = call.core.now()
    try:
        await call.core.arrivals.add(
            subscriber=call.target.provider,
            publisher=call.client,
            exchange=call.exchange,
            said=said,
            person=call.facts.person,
            at=now,
        )
    except GONE as problem:
        log.error("event_not_kept reason=%s", type(problem).__name__)  # noqa: TRY400
        return server_fault(Kind.LOGGING_FAILED, "the event could not be kept; ask again")
    except (ValueError, KeyError, TypeError):
        return _wrong()
    call.core.pushes_wanted.set()
    body = json.dumps({"type": said["type"], "number": said["number"], "id": said["id"]})
    return 200, [(b"content-type", b"application/json")], body.encode()


def _wrong() -> Fault:
    return server_fault(
        Kind.INVALID_REQUEST,
        "not an event of this publisher, type and subscription. Example:"
        ' {"type": "AZ/GOV/mia/population/person-died", "number": 7, "id": "...",'
        ' "occurred_at": "...", "subscription": "a-7", "data": {}}',
    )
