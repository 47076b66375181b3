"""Requests that arrive together are served together, none waiting for a timer.

What comes while the ways to the database are taken is the next batch. Decision 0034.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pencere.kernel.errors import PencereError

# With two ways one batch is computed while the other waits for the disk; more only split batches.
WAYS = 2
# Above this a batch gains nothing, and its last request waits for the others.
MOST = 64

Item = TypeVar("Item")
Result = TypeVar("Result")
Serve = Callable[[str, Sequence[Item]], Awaitable[Sequence[Result | PencereError]]]


@dataclass(frozen=True)
class _Waiting(Generic[Item, Result]):
    item: Item
    shape: str
    claims: frozenset[Hashable]
    future: "asyncio.Future[Result]"


class Batches(Generic[Item, Result]):
    """Give items of one shape to `serve`, which returns a result or a reason for each."""

    def __init__(self, serve: Serve[Item, Result]) -> None:
        self._serve = serve
        self._waiting: list[_Waiting[Item, Result]] = []
        self._at_work: set[asyncio.Task[None]] = set()

    async def ask(
        self, item: Item, shape: str, claims: frozenset[Hashable] = frozenset()
    ) -> Result:
        """Return the item's own result, or raise its own reason.

        Items with a claim in common are never in one batch, and keep their order.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(item, shape, claims, future))
        if len(self._at_work) < WAYS:
            task = asyncio.create_task(self._work())
            self._at_work.add(task)
            task.add_done_callback(self._at_work.discard)
        return await future

    async def _work(self) -> None:
        # What else this turn of the loop brings comes along.
        await asyncio.sleep(0)
        while batch := self._next():
            await self._answer(batch)

    def _next(self) -> list[_Waiting[Item, Result]]:
        """Take the longest waiting and what may go with it; who hung up meanwhile is let go."""
        batch: list[_Waiting[Item, Result]] = []
        left: list[_Waiting[Item, Result]] = []
        claimed: set[Hashable] = set()
        for each in self._waiting:
            if each.future.done():
                continue
            fits = not batch or (len(batch) < MOST and each.shape == batch[0].shape)
            if fits and not each.claims & claimed:
                batch.append(each)
            else:
                left.append(each)
            claimed |= each.claims
        self._waiting = left
        return batch

    async def _answer(self, batch: Sequence[_Waiting[Item, Result]]) -> None:
        try:
            results = await self._serve(batch[0].shape, [each.item for each in batch])
        except PencereError as error:
            results = [error] * len(batch)
        except Exception as error:  # one item must not spoil what came with it
            if len(batch) > 1:
                for each in batch:
                    await self._answer([each])
            elif not batch[0].future.done():
                batch[0].future.set_exception(error)
            return
        for each, result in zip(batch, results, strict=True):
            if each.future.done():
                continue
            if isinstance(result, PencereError):
                each.future.set_exception(result)
            else:
                each.future.set_result(result)
