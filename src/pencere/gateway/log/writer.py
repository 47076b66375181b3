"""The one writer of a node's log: group commit, and one signature for each commit.

Whatever came in while the connections were busy is the next batch, so the log is as fast as the
disk and slow only when it must be. Closing a batch signs what of it this node has to sign; the
callback that is given the signature sends a request on its way and returns the row, while the
batch is committed. One statement a batch: request rows, response rows, and the ledger's leaves
stand or fall together. A row that cannot be stored fails alone, not its batch.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from enum import Enum

import asyncpg

from pencere.gateway.log.database import GONE
from pencere.gateway.log.rows import REQUEST_TYPES, RESPONSE_TYPES, RequestRow, ResponseRow
from pencere.gateway.log.signing import BatchSigner
from pencere.gateway.wire.evidence import Evidence, Statement

log = logging.getLogger(__name__)

LEAF_KIND = "access"
_BATCH = 256
_RECONNECT_S = (0.1, 0.2, 0.5, 1.0, 2.0)


class Outcome(Enum):
    """What became of an entry."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    FAILED = "failed"


Stored = Callable[[Outcome], None]
Row = RequestRow | ResponseRow
Fill = Callable[[Statement, Evidence], Row]


class _Entry:
    """A row, or what becomes one when it is signed, and whom to tell."""

    __slots__ = ("done", "draft", "fill", "row")

    def __init__(
        self, row: Row | None, done: Stored, draft: Statement | None = None, fill: Fill | None = None
    ) -> None:
        self.row = row
        self.done = done
        self.draft = draft
        self.fill = fill

    def finish(self, outcome: Outcome) -> None:
        """Tell; one caller's mistake must not lose the others of its batch."""
        try:
            self.done(outcome)
        except Exception:
            log.exception("log_callback_failed")


def _columns(first: int, types: Sequence[str]) -> str:
    return ", ".join(f"${first + at}::{kind}" for at, kind in enumerate(types))


_REQUEST = ", ".join(RequestRow._fields)
_RESPONSE = ", ".join(ResponseRow._fields)
_LEAVES = 1 + len(REQUEST_TYPES) + len(RESPONSE_TYPES)
# S608: nothing but our own column names and types goes in.
_INSERT = f"""
with request as (
    insert into gateway.request ({_REQUEST})
    select * from unnest({_columns(1, REQUEST_TYPES)})
    on conflict (exchange, side) do nothing
    returning exchange, side
), response as (
    insert into gateway.response ({_RESPONSE})
    select * from unnest({_columns(1 + len(REQUEST_TYPES), RESPONSE_TYPES)})
    on conflict (exchange, side) do nothing
    returning exchange, side, leaf_hash, leaf_entry
), leaf as (
    insert into ledger.pending (leaf_hash, kind, entry)
    select leaf_hash, ${_LEAVES}::text, leaf_entry from response where leaf_hash is not null
)
select 'request' as kind, exchange, side from request
union all
select 'response', exchange, side from response
"""  # noqa: S608


class LogWriter:
    """Writes the log; give it `url` of the app user."""

    def __init__(self, url: str, *, timeout_s: float = 5.0, queue_limit: int = 20_000) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._queue_limit = queue_limit
        self._queue: list[_Entry] = []
        self._wake = asyncio.Event()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False
        self.trouble = "not connected yet"
        self.commits = 0
        self.rows = 0

    @property
    def is_available(self) -> bool:
        """Whether the last thing that was tried worked."""
        return not self.trouble

    @property
    def depth(self) -> int:
        """How many entries wait for a commit."""
        return len(self._queue)

    async def start(self) -> None:
        """Connect when the database is there; keep trying when not."""
        with contextlib.suppress(*GONE):
            await self._connect()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Write what waits, then close."""
        self._is_stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
        if self._connection is not None:
            with contextlib.suppress(*GONE):
                await self._connection.close(timeout=2)

    def request(self, row: RequestRow, done: Stored) -> None:
        """Store a request; DUPLICATE when this exchange was accepted before."""
        self._put(_Entry(row, None, done))

    def response(self, row: ResponseRow, done: Stored) -> None:
        """Store how an exchange ended."""
        self._put(_Entry(None, row, done))

    def _put(self, entry: _Entry) -> None:
        if self._is_stopping or len(self._queue) >= self._queue_limit:
            asyncio.get_running_loop().call_soon(entry.finish, Outcome.FAILED)
            return
        self._queue.append(entry)
        self._wake.set()

    async def _run(self) -> None:
        failures = 0
        while not (self._is_stopping and not self._queue):
            if not self._queue and not self.trouble:
                self._wake.clear()
                await self._wake.wait()
                continue
            batch, self._queue = self._queue[:_BATCH], self._queue[_BATCH:]
            try:
                await self._store(batch)
                failures = 0
            except GONE as problem:
                self._fail(batch, problem)
                await self._drop_connection()
                wait = _RECONNECT_S[min(failures, len(_RECONNECT_S) - 1)]
                failures += 1
                if not self._is_stopping:
                    await self._pause(wait)

    async def _pause(self, wait_s: float) -> None:
        """Wait before trying again; who asks meanwhile is told at once, not made to wait."""
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._wake.wait()

    async def _store(self, batch: list[_Entry]) -> None:
        if self._connection is None or self._connection.is_closed():
            await self._connect()
        if not batch:
            return
        try:
            stored = await self._insert(batch)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as problem:
            if len(batch) == 1:
                log.error("log_row_refused reason=%s", type(problem).__name__)  # noqa: TRY400
                batch[0].finish(Outcome.FAILED)
                return
            for entry in batch:
                await self._store([entry])
            return
        self.commits += 1
        self.rows += len(batch)
        for entry in batch:
            row = entry.request or entry.response
            assert row is not None  # noqa: S101  # an entry has one of the two
            key = ("request" if entry.request else "response", row.exchange, row.side)
            # Of two of one exchange in one batch, one is stored and the other is the replay.
            if key in stored:
                stored.discard(key)
                entry.finish(Outcome.STORED)
            else:
                entry.finish(Outcome.DUPLICATE)

    async def _insert(self, batch: list[_Entry]) -> set[tuple[str, object, str]]:
        requests = [entry.request for entry in batch if entry.request is not None]
        responses = [entry.response for entry in batch if entry.response is not None]
        columns: list[Sequence[object]] = list(
            zip(*requests, strict=True) if requests else [()] * len(REQUEST_TYPES)
        )
        columns += list(zip(*responses, strict=True) if responses else [()] * len(RESPONSE_TYPES))
        assert self._connection is not None  # noqa: S101  # connected just before
        rows = await self._connection.fetch(_INSERT, *columns, LEAF_KIND, timeout=self._timeout_s)
        return {(row["kind"], row["exchange"], row["side"]) for row in rows}

    async def _connect(self) -> None:
        self._connection = await asyncpg.connect(
            self._url,
            timeout=self._timeout_s,
            server_settings={"application_name": "gateway-log", "synchronous_commit": "on"},
        )
        if self.trouble:
            log.info("log_available")
        self.trouble = ""

    async def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    def _fail(self, batch: list[_Entry], problem: BaseException) -> None:
        if not self.trouble:
            log.error("log_unavailable reason=%s", type(problem).__name__)
        self.trouble = f"{type(problem).__name__}: the log cannot be written"
        waiting, self._queue = batch + self._queue, []
        for entry in waiting:
            entry.finish(Outcome.FAILED)
