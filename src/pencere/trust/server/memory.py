"""Statuses in memory, for as long as it is sure that news of a change arrives.

PostgreSQL tells of each status event in the transaction of the event (sql/0003). The memory is
used only while the listener proves that it hears: it sends itself a notice twice a second, and
notices come in the order of commits, so that one's own means that all before it were heard. What
is answered is therefore never older than `BOUND_S`; it is a few milliseconds when all is well.
When the listener is silent for longer, every question goes to the database.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from time import monotonic

import asyncpg

from pencere.trust.store import STATUSES, Status, serial_bytes, status_of_row

log = logging.getLogger(__name__)

CHANNEL = "trust_status"
BOUND_S = 2.0
_PROVED_EVERY_S = 0.5
_QUERY = STATUSES.replace("%s", "$1")

Key = tuple[str, int]
Found = Mapping[Key, Status]
# Called with what is known of the keys asked for, or with the reason why it cannot be said.
Then = Callable[[Found | Exception], None]


class StatusMemory:
    """What is known of serial numbers. Used on one event loop.

    Raises nothing; a database that does not answer is handed to those who asked.
    """

    def __init__(self, conninfo: str, *, most: int = 200_000) -> None:
        self._conninfo = conninfo
        self._most = most
        self._known: dict[Key, Status] = {}
        self._issuers: set[str] = set()
        self._proved_at = float("-inf")
        self._turn = 0
        self._wanted: list[tuple[Collection[Key], Then]] = []
        self._reading: asyncio.Task[None] | None = None
        self._reader: asyncpg.Connection | None = None
        # Told of serial numbers that changed; None: any may have.
        self.on_change: Callable[[list[int] | None], None] = lambda _serials: None
        self.hits = self.misses = 0

    @property
    def is_sure(self) -> bool:
        """Whether news is proved to have arrived within the bound."""
        return monotonic() - self._proved_at <= BOUND_S

    def look(self, keys: Collection[Key]) -> Found | None:
        """Return what is known of the keys; None when the database must be asked for one."""
        known = self._known
        for key in keys:
            if key not in known:
                self.misses += 1
                return None
        if not self.is_sure:
            return None
        self.hits += 1
        return known

    def fetch(self, keys: Collection[Key], then: Then) -> None:
        """Ask the database; all questions of one turn of the loop are one statement."""
        self._wanted.append((keys, then))
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        while self._wanted:
            wanted, self._wanted = self._wanted, []
            turn, asked = self._turn, {key for keys, _ in wanted for key in keys}
            result: Found | Exception
            try:
                found = await self._statuses(asked)
                # News that came meanwhile may be later than what was read.
                if turn == self._turn and self.is_sure:
                    self._keep(found)
                result = found
            except Exception as error:
                log.warning("status_unreadable error=%s", type(error).__name__)
                result = error
            for _, then in wanted:
                try:
                    then(result)
                except Exception:
                    log.exception("status_answer_failed")
        self._reading = None

    async def _statuses(self, asked: set[Key]) -> dict[Key, Status]:
        if self._reader is None or self._reader.is_closed():
            self._reader = await asyncpg.connect(self._conninfo, timeout=5, command_timeout=5)
        try:
            rows = await self._reader.fetch(_QUERY, [serial_bytes(serial) for _, serial in asked])
        except BaseException:
            self._reader.terminate()
            self._reader = None
            raise
        return {key: one for key, one in map(status_of_row, map(tuple, rows)) if key in asked}

    def _keep(self, found: Found) -> None:
        for key, status in found.items():
            # A reservation may still become anything; only what is issued is told of.
            if status.state == "issued":
                self._known[key] = status
                self._issuers.add(key[0])
        while len(self._known) > self._most:
            del self._known[next(iter(self._known))]

    async def listen(self) -> None:
        """Listen until cancelled, over a new connection whenever one is lost."""
        while True:
            try:
                await self._listen_once()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("status_news_interrupted error=%s", type(error).__name__)
            self._forget()
            await asyncio.sleep(0.5)

    async def close(self) -> None:
        """Let go of the database."""
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading
        if self._reader is not None:
            self._reader.terminate()

    async def _listen_once(self) -> None:
        connection = await asyncpg.connect(self._conninfo, timeout=5, command_timeout=BOUND_S)
        token, sent_at = secrets.token_hex(8), 0.0
        proved = asyncio.Event()

        def heard(_connection: object, _pid: int, _channel: str, payload: object) -> None:
            if payload == f"proof {token}":
                self._proved_at = sent_at
                proved.set()
            elif not str(payload).startswith("proof"):
                self._hear(str(payload))

        try:
            # What was read before the listening began may have changed unheard.
            await connection.add_listener(CHANNEL, heard)
            self._forget()
            while True:
                proved.clear()
                sent_at = monotonic()
                await connection.execute("select pg_notify($1, $2)", CHANNEL, f"proof {token}")
                async with asyncio.timeout(BOUND_S):
                    await proved.wait()
                await asyncio.sleep(_PROVED_EVERY_S)
        finally:
            connection.terminate()

    def _hear(self, payload: str) -> None:
        self._turn += 1
        try:
            serials = None if payload == "*" else [int(one, 16) for one in payload.split()]
        except ValueError:
            serials = None
        if serials is None:
            self._known.clear()
        else:
            for serial in serials:
                for issuer in self._issuers:
                    self._known.pop((issuer, serial), None)
        self.on_change(serials)

    def _forget(self) -> None:
        self._proved_at = float("-inf")
        self._turn += 1
        self._known.clear()
        self.on_change(None)
