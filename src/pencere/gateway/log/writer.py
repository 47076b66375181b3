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
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from operator import itemgetter
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from pencere.gateway.log.database import GONE
from pencere.gateway.log.rows import RequestRow, ResponseRow
from pencere.gateway.log.signing import BatchSigner
from pencere.gateway.wire.evidence import Evidence, Statement

if TYPE_CHECKING:
    from asyncpg.prepared_stmt import PreparedStatement

log = logging.getLogger(__name__)

LEAF_KIND = "access"
_BATCH = 256
# While one commits the next is made; more would only make batches smaller.
_LANES = 2
# Fewer wait for the lane that commits: small batches cost more than they save.
_WORTH_A_LANE = 16
# Far longer than any clock window: what is forgotten is refused for its age.
_KEEP_ACCEPTED = timedelta(days=1)
_PRUNE_S = 600.0
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

    __slots__ = ("done", "draft", "fill", "is_finished", "row")

    def __init__(
        self,
        row: Row | None,
        done: Stored,
        draft: Statement | None = None,
        fill: Fill | None = None,
    ) -> None:
        self.row = row
        self.done = done
        self.draft = draft
        self.fill = fill
        self.is_finished = False

    def complete(self, statement: Statement, proof: Evidence) -> None:
        """Make the row; one caller's mistake must not lose the others of its batch."""
        assert self.fill is not None  # noqa: S101  # it comes with the draft
        try:
            self.row = self.fill(statement, proof)
        except Exception:
            log.exception("log_callback_failed")
            self.finish(Outcome.FAILED)

    def finish(self, outcome: Outcome) -> None:
        """Tell once; one caller's mistake must not lose the others of its batch."""
        if self.is_finished:
            return
        self.is_finished = True
        try:
            self.done(outcome)
        except Exception:
            log.exception("log_callback_failed")


_REQUEST = ", ".join(RequestRow._fields)
_RESPONSE = ", ".join(ResponseRow._fields)
# S608: nothing but our own column names goes in. Arrays of whole rows, since encoding an array
# for each column costs three times as much. Lanes take keys in one order, so that two of them
# never wait for each other.
_INSERT = f"""
with fresh as (
    insert into gateway.accepted (exchange, side, accepted_at)
    select exchange, side, recorded_at from unnest($1::gateway.request[])
    where side = 'provider' order by exchange
    on conflict do nothing
    returning exchange
), request as (
    insert into gateway.request ({_REQUEST})
    select {_REQUEST} from unnest($1::gateway.request[])
    where side <> 'provider' or exchange in (select exchange from fresh)
    order by exchange
    on conflict do nothing
    returning exchange, side
), response as (
    insert into gateway.response ({_RESPONSE})
    select {_RESPONSE} from unnest($2::gateway.response[])
    order by exchange
    on conflict do nothing
    returning exchange, side, leaf_hash, leaf_entry
), leaf as (
    insert into ledger.pending (leaf_hash, kind, entry)
    select leaf_hash, $3::text, leaf_entry from response where leaf_hash is not null
)
select true as is_request, exchange, side from request
union all
select false, exchange, side from response
"""  # noqa: S608
_COLUMNS = """
select attname from pg_attribute
where attrelid = $1::text::regclass and attnum > 0 and not attisdropped order by attnum
"""

_Key = tuple[bool, UUID, str]


class LogWriter:
    """Writes the log; give it `url` of the app user."""

    def __init__(
        self,
        url: str,
        signer: BatchSigner,
        *,
        timeout_s: float = 5.0,
        queue_limit: int = 20_000,
        on_commit: Callable[[int, float], None] = lambda size, seconds: None,
    ) -> None:
        self._url = url
        self._signer = signer
        self._timeout_s = timeout_s
        self._queue_limit = queue_limit
        self._on_commit = on_commit
        self._queue: list[_Entry] = []
        self._lanes = [_Lane() for _ in range(_LANES)]
        self._free: list[asyncio.Future[None]] = []
        self._is_called = False
        self._busy = 0
        self._months: set[tuple[int, int]] = set()
        self._prune_at = 0.0
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
            for lane in self._lanes:
                # Now, since asking for the types of the tables takes a while the first time.
                await self._connect(lane)
        for lane in self._lanes:
            lane.task = asyncio.get_running_loop().create_task(self._run(lane))

    async def stop(self) -> None:
        """Write what waits, then close."""
        self._is_stopping = True
        self._call_all()
        for lane in self._lanes:
            if lane.task is not None:
                await lane.task
            if lane.connection is not None:
                with contextlib.suppress(*GONE):
                    await lane.connection.close(timeout=2)

    def request(self, row: RequestRow, done: Stored) -> None:
        """Store a request; DUPLICATE when this exchange was accepted before."""
        self._put(_Entry(row, done))

    def response(self, row: ResponseRow, done: Stored) -> None:
        """Store how an exchange ended."""
        self._put(_Entry(row, done))

    def signed_request(
        self, draft: Statement, fill: Callable[[Statement, Evidence], RequestRow], done: Stored
    ) -> None:
        """Sign a request with its batch; `fill` sends it on its way and returns the row."""
        self._put(_Entry(None, done, draft, fill))

    def signed_response(
        self, draft: Statement, fill: Callable[[Statement, Evidence], ResponseRow], done: Stored
    ) -> None:
        """Sign a response with its batch; `fill` returns the row. `done` lets it leave."""
        self._put(_Entry(None, done, draft, fill))

    def _put(self, entry: _Entry) -> None:
        if self._is_stopping or len(self._queue) >= self._queue_limit:
            asyncio.get_running_loop().call_soon(entry.finish, Outcome.FAILED)
            return
        self._queue.append(entry)
        if (
            self._free
            and not self._is_called
            and (not self._busy or len(self._queue) >= _WORTH_A_LANE)
        ):
            self._is_called = True
            self._free.pop().set_result(None)

    def _call_all(self) -> None:
        free, self._free = self._free, []
        for waiter in free:
            waiter.set_result(None)

    async def _run(self, lane: "_Lane") -> None:
        # A lane that failed tries again by itself until it is connected.
        failures = int(bool(self.trouble) and lane is self._lanes[0])
        while not (self._is_stopping and not self._queue):
            if not self._queue and not failures:
                await self._wait()
                continue
            self._is_called = False
            batch, self._queue = self._queue[:_BATCH], self._queue[_BATCH:]
            self._busy += 1
            try:
                await self._store(lane, self._close(batch))
                failures = 0
            except GONE as problem:
                self._fail(batch, problem)
                lane.drop()
                wait = _RECONNECT_S[min(failures, len(_RECONNECT_S) - 1)]
                failures += 1
                if not self._is_stopping:
                    self._busy -= 1
                    await self._wait(wait)
                    self._busy += 1
            finally:
                self._busy -= 1

    async def _wait(self, limit_s: float | None = None) -> None:
        """Wait for work, or until it is time to try again.

        Who asks while the log is away is told at once, not made to wait.
        """
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._free.append(waiter)
        try:
            async with asyncio.timeout(limit_s):
                await waiter
        except TimeoutError:
            pass
        finally:
            self._is_called = False
            with contextlib.suppress(ValueError):
                self._free.remove(waiter)

    def _close(self, batch: list[_Entry]) -> list[_Entry]:
        """Sign what is to be signed; return the entries that have a row now."""
        unsigned = [entry for entry in batch if entry.draft is not None]
        if not unsigned:
            return batch
        signed = self._signer.sign([entry.draft for entry in unsigned if entry.draft is not None])
        if signed is None:
            for entry in unsigned:
                entry.finish(Outcome.FAILED)
            return [entry for entry in batch if entry.row is not None]
        for entry, (statement, proof) in zip(unsigned, signed, strict=True):
            entry.complete(statement, proof)
        return [entry for entry in batch if entry.row is not None]

    async def _store(self, lane: "_Lane", batch: list[_Entry]) -> None:
        if lane.connection is None or lane.connection.is_closed():
            await self._connect(lane)
        if not batch:
            return
        # Of two of one exchange in one batch, one is stored and the other is the replay.
        entries: dict[_Key, _Entry] = {}
        for entry in batch:
            assert entry.row is not None  # noqa: S101  # closed just before
            key = (isinstance(entry.row, RequestRow), entry.row.exchange, entry.row.side)
            if entries.setdefault(key, entry) is not entry:
                entry.finish(Outcome.DUPLICATE)
        rows = [entry.row for entry in entries.values() if entry.row is not None]
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            stored = await self._insert(lane, rows)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as problem:
            if len(entries) == 1:
                log.error("log_row_refused reason=%s", type(problem).__name__)  # noqa: TRY400
                next(iter(entries.values())).finish(Outcome.FAILED)
                return
            for entry in entries.values():
                await self._store(lane, [entry])
            return
        self.commits += 1
        self.rows += len(stored)
        self._on_commit(len(rows), loop.time() - started)
        for stored_key, entry in entries.items():
            entry.finish(Outcome.STORED if stored_key in stored else Outcome.DUPLICATE)
        if loop.time() > self._prune_at:
            self._prune_at = loop.time() + _PRUNE_S
            await self._forget(lane, rows[-1].recorded_at - _KEEP_ACCEPTED)

    async def _insert(self, lane: "_Lane", rows: list[Row]) -> set[_Key]:
        requests = [row for row in rows if isinstance(row, RequestRow)]
        responses = [row for row in rows if isinstance(row, ResponseRow)]
        await self._open_months(lane, rows)
        assert lane.insert is not None  # noqa: S101  # connected just before
        found = await lane.insert.fetch(
            [lane.request_order((*row, None)) for row in requests],
            [lane.response_order((*row, None)) for row in responses],
            LEAF_KIND,
            timeout=self._timeout_s,
        )
        return {(one[0], one[1], one[2]) for one in found}

    async def _open_months(self, lane: "_Lane", rows: list[Row]) -> None:
        """Have the tables of a month, and of the next one, before its first row comes."""
        for row in rows:
            month = (row.recorded_at.year, row.recorded_at.month)
            if month not in self._months:
                assert lane.connection is not None  # noqa: S101  # connected just before
                at = row.recorded_at.astimezone(UTC)
                await lane.connection.execute(
                    "select gateway.make_partitions($1)", at, timeout=self._timeout_s
                )
                self._months.add(month)

    async def _forget(self, lane: "_Lane", before: datetime) -> None:
        assert lane.connection is not None  # noqa: S101  # used just before
        await lane.connection.execute(
            "select gateway.forget_accepted($1)", before, timeout=self._timeout_s
        )

    async def _connect(self, lane: "_Lane") -> None:
        lane.connection = await asyncpg.connect(
            self._url,
            timeout=self._timeout_s,
            # Compiling a statement of the catalogue costs a second and saves nothing.
            server_settings={
                "application_name": "gateway-log",
                "synchronous_commit": "on",
                "jit": "off",
            },
        )
        # A month may have been dropped, or the database be another one by now.
        self._months.clear()
        for table, fields in (("request", RequestRow._fields), ("response", ResponseRow._fields)):
            found = await lane.connection.fetch(
                _COLUMNS, f"gateway.{table}", timeout=self._timeout_s
            )
            # What the table has besides, its number, is made there.
            at = [fields.index(one[0]) if one[0] in fields else len(fields) for one in found]
            setattr(lane, f"{table}_order", itemgetter(*at))
        lane.insert = await lane.connection.prepare(_INSERT, timeout=self._timeout_s)
        if self.trouble:
            log.info("log_available")
        self.trouble = ""

    def _fail(self, batch: list[_Entry], problem: BaseException) -> None:
        if not self.trouble:
            log.error("log_unavailable reason=%s", type(problem).__name__)
        self.trouble = f"{type(problem).__name__}: the log cannot be written"
        waiting, self._queue = batch + self._queue, []
        for entry in waiting:
            entry.finish(Outcome.FAILED)


class _Lane:
    """One connection of the log and the task that commits on it."""

    def __init__(self) -> None:
        self.connection: asyncpg.Connection[asyncpg.Record] | None = None
        self.insert: PreparedStatement[asyncpg.Record] | None = None
        # From the order of a row's fields to that of the table's columns.
        self.request_order: Callable[[tuple[object, ...]], tuple[object, ...]] = tuple
        self.response_order: Callable[[tuple[object, ...]], tuple[object, ...]] = tuple
        self.task: asyncio.Task[None] | None = None

    def drop(self) -> None:
        """Let go of a connection that failed."""
        connection, self.connection, self.insert = self.connection, None, None
        if connection is not None:
            connection.terminate()
