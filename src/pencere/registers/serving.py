"""Writes that arrived together, done in one transaction; each keeps its own outcome.

What cannot be done with the others is done again alone, so that the fault of one request is
nobody else's. Decision 0034.
"""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import asyncpg

from pencere.kernel.clock import Clock
from pencere.kernel.errors import PencereError, Unavailable
from pencere.registers import store
from pencere.registers.caller import Caller
from pencere.registers.changes import Change, Writer
from pencere.registers.disclosure import Register
from pencere.registers.keeping import (
    Repeatable,
    first_answers,
    keep,
    keep_answers,
    lock,
    new_ids,
)
from pencere.registers.records import Operation, Record

# Two writers that lock each other's records: one is sent back by PostgreSQL and tries again.
ATTEMPTS = 4
TOGETHER, ALONE = "together", "alone"
Lend = Callable[[], AbstractAsyncContextManager[store.Connection]]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Request:
    """One request to change records: all of its operations, or none."""

    register: Register
    caller: Caller
    operations: Sequence[Operation]
    asked: Repeatable | None

    @property
    def shape(self) -> str:
        """Operations of one request see each other, so several are done alone."""
        return TOGETHER if len(self.operations) == 1 else ALONE

    @property
    def claims(self) -> frozenset[Hashable]:
        """What two requests of a batch must not have in common: a record, a key."""
        claims: set[Hashable] = {each.record for each in self.operations if each.record}
        if self.asked is not None:
            claims.add((self.asked.client, self.asked.key))
        return frozenset(claims)


Outcome = list[Record] | PencereError


async def serve(lend: Lend, clock: Clock, shape: str, requests: Sequence[Request]) -> list[Outcome]:
    """Do the requests and return for each its records or its reason."""
    if shape == TOGETHER and len(requests) > 1:
        try:
            return await in_transaction(lend, lambda one: _together(one, requests, clock.now()))
        except Unavailable:
            raise
        except PencereError:
            pass  # whose fault it is shows below
    return [await _alone(lend, clock, request) for request in requests]


async def in_transaction(lend: Lend, act: Callable[[store.Connection], Awaitable[_T]]) -> _T:
    """Do `act` in a transaction, again when another writer stood across.

    Raises:
        Unavailable: `database.contended`.
    """
    for _ in range(ATTEMPTS):
        async with lend() as connection:
            try:
                async with connection.transaction():
                    return await act(connection)
            except asyncpg.DeadlockDetectedError:
                continue
    raise Unavailable("database.contended")


async def _alone(lend: Lend, clock: Clock, request: Request) -> Outcome:
    async def act(connection: store.Connection) -> list[Record]:
        at = clock.now()
        if request.shape == TOGETHER:
            [outcome] = await _together(connection, [request], at)
        else:
            outcome = await _in_order(connection, request, at)
        if isinstance(outcome, PencereError):
            raise outcome
        return outcome

    try:
        return await in_transaction(lend, act)
    except PencereError as error:
        return error


async def _together(
    connection: store.Connection, requests: Sequence[Request], at: datetime
) -> list[Outcome]:
    """Do requests of one operation each."""
    outcomes = await _first(connection, requests)
    todo = [position for position in range(len(requests)) if position not in outcomes]
    changes = await _step(
        connection,
        [
            (Writer(request.register, request.caller, at), request.operations[0])
            for request in (requests[position] for position in todo)
        ],
    )
    done: list[tuple[Request, Sequence[Change]]] = []
    for position, change in zip(todo, changes, strict=True):
        if isinstance(change, PencereError):
            outcomes[position] = change
            continue
        done.append((requests[position], [change]))
        outcomes[position] = _records(*done[-1])
    await _remember(connection, done, at)
    return [outcomes[position] for position in range(len(requests))]


async def _in_order(connection: store.Connection, request: Request, at: datetime) -> Outcome:
    """Do the operations of one request, each after the one before is written."""
    for outcome in (await _first(connection, [request])).values():
        return outcome
    writer = Writer(request.register, request.caller, at)
    changes: list[Change] = []
    for operation in request.operations:
        [change] = await _step(connection, [(writer, operation)])
        if isinstance(change, PencereError):
            return change
        changes.append(change)
    await _remember(connection, [(request, changes)], at)
    return _records(request, changes)


async def _first(connection: store.Connection, requests: Sequence[Request]) -> dict[int, Outcome]:
    """Return by position what requests that were made before are answered."""
    asked = [request.asked for request in requests if request.asked is not None]
    answers = await first_answers(connection, asked)
    outcomes: dict[int, Outcome] = {}
    for position, request in enumerate(requests):
        answer = answers.get(request.asked) if request.asked is not None else None
        if isinstance(answer, PencereError):
            outcomes[position] = answer
        elif answer is not None:
            outcomes[position] = await _again(connection, request, answer)
    return outcomes


async def _again(
    connection: store.Connection, request: Request, answer: Sequence[object]
) -> list[Record]:
    records = []
    for result in answer:
        assert isinstance(result, list)  # noqa: S101  # as `_remember` kept it
        stored = await store.version_of(connection, *result)
        records.append(request.register.shown(request.caller, stored))
    return records


async def _step(
    connection: store.Connection, asked: Sequence[tuple[Writer, Operation]]
) -> list[Change | PencereError]:
    """Decide operations on different records and write those that may be."""
    creates = sum(operation.op == "create" for _, operation in asked)
    ids = iter(await new_ids(connection, creates) if creates else [])
    current = await lock(
        connection,
        [(writer.register.number, one.record) for writer, one in asked if one.record],
    )
    series = await store.lock_series(connection, {
        writer.register.number for writer, one in asked
        if one.op == "create" and _lacks_number(writer, one)})  # fmt: skip
    outcomes: list[Change | PencereError] = []
    for writer, one in asked:
        number = writer.register.number
        try:
            if one.op == "create":
                outcomes.append(writer.create(one, next(ids), series.get(number)))
            else:
                outcomes.append(writer.change(one, current.get((number, one.record or 0))))
        except PencereError as error:
            outcomes.append(error)
    await keep(connection, [each for each in outcomes if isinstance(each, Change)])
    await store.keep_series(connection, series)
    return outcomes


def _lacks_number(writer: Writer, operation: Operation) -> bool:
    numbering = writer.definition.numbering
    return numbering is not None and numbering.field not in (operation.data or {})


def _records(request: Request, changes: Sequence[Change]) -> list[Record]:
    return [request.register.shown(request.caller, change.now) for change in changes]


async def _remember(
    connection: store.Connection,
    done: Sequence[tuple[Request, Sequence[Change]]],
    at: datetime,
) -> None:
    answers = [
        (request.asked, [[change.now.id, change.now.version] for change in changes])
        for request, changes in done
        if request.asked is not None
    ]
    await keep_answers(connection, answers, at)
