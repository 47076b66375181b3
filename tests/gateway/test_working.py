"""Waiting for work: whoever stops a worker is heard, at whatever turn of the loop."""

import asyncio

import pytest

from pencere.gateway.working import called


async def cancelled_after(turns: int) -> bool:
    event = asyncio.Event()

    async def work() -> None:
        while True:
            event.clear()
            await called(event, 60.0)

    task = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    event.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task}, timeout=1.0)
    return task.cancelled()


@pytest.mark.parametrize("turns", range(6))
def test_a_worker_that_is_called_and_stopped_at_once_stops(turns: int) -> None:
    assert asyncio.run(cancelled_after(turns))


def test_nobody_calls_and_the_time_is_over() -> None:
    asyncio.run(called(asyncio.Event(), 0.01))
