"""What goes on beside the exchanges goes on: a worker that ends by a mistake begins again."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from pencere.gateway.exchange.core import Core

log = logging.getLogger(__name__)
_PAUSE_S = 1.0
# So long health tells of a mistake of ours.
_TOLD_S = 60.0


async def keep(core: Core, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a worker until it returns; what ends by a mistake is said and begun again."""
    name = getattr(work, "__qualname__", "worker")
    while True:
        try:
            return await work()
        except Exception as problem:
            log.exception("worker_failed name=%s", name)
            core.worker_trouble = f"{name} ended by {type(problem).__name__} and began again"
            core.loop.call_later(_TOLD_S, setattr, core, "worker_trouble", "")
            await asyncio.sleep(_PAUSE_S)


async def called(event: asyncio.Event, within_s: float) -> None:
    """Wait until there is something to do, or so many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()
