"""One installation's registers: questions asked of them and changes made in them.

Every public method raises, beside what it says itself:
    Missing: `register.unknown`.
    Refused: `purpose.not_disclosed`, the register shows nothing for this purpose.
    Invalid: `header.missing`, the data is about a person and the exchange names none.
    Unavailable: `database.unavailable`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from functools import partial

import asyncpg

from pencere.kernel.clock import Clock, as_utc, local_date
from pencere.kernel.errors import Invalid, Missing, Refused, Unavailable
from pencere.registers import outbox_rows, showing, store
from pencere.registers.batches import Batches
from pencere.registers.caller import Caller
from pencere.registers.definition import Definition
from pencere.registers.disclosure import Register
from pencere.registers.keys import asked_value
from pencere.registers.publishing import histories, publish
from pencere.registers.records import Record
from pencere.registers.serving import Request, serve

POOL_SIZE = 8
WITHIN_S = 10.0


class Registers:
    """The registers of one database. Made by `open_registers`."""

    def __init__(
        self,
        pool: "asyncpg.Pool[asyncpg.Record]",
        registers: Mapping[str, Register],
        clock: Clock,
    ) -> None:
        self.pool = pool
        self.clock = clock
        self._registers = registers
        self._reads = Batches(self._show)
        self.writes: Batches[Request, list[Record]] = Batches(
            partial(serve, self.connection, clock)
        )

    def register(self, code: str) -> Register:
        """Return the register called `subsystem/register`."""
        try:
            return self._registers[code]
        except KeyError:
            raise Missing("register.unknown", register=code[:80]) from None

    def known(self) -> Sequence[Register]:
        """Return all registers, in the order of their codes."""
        return list(self._registers.values())

    async def find(
        self,
        code: str,
        caller: Caller,
        by: Mapping[str, object],
        *,
        annulled_too: bool = False,
        as_of: tuple[date | None, datetime | None] = (None, None),
    ) -> list[Record]:
        """Return the records that the one key in `by` finds, at most `showing.MAX_FOUND`.

        Raises:
            Invalid: `key.one` unless `by` has one key, `key.unknown`, `key.incomplete`.
            Refused: `person.mismatch`, a personal number other than the exchange's.
        """
        register = self.register(code)
        fields = register.disclosed_to(caller)
        if len(by) != 1:
            raise Invalid("key.one", keys=len(by))
        [(name, asked)] = by.items()
        key = register.definition.keys.get(name)
        if key is None:
            raise Invalid("key.unknown", register=code, key=name[:40])
        value = asked_value(key, asked)
        about_person = key.is_person and caller.person is not None
        if about_person and value != caller.person:
            # The person is told of accesses by the exchange's header: it must not be another's.
            raise Refused("person.mismatch", register=code)
        question = showing.Question(
            register=register.number,
            key=key,
            value=value,
            fields=register.history.older_names(fields),
            subject=None if about_person else register.definition.subject,
            annulled_too=annulled_too,
            as_of=self._as_of(as_of),
            at=self.clock.now(),
            caller=caller,
        )
        found = await self._reads.ask(question, question.statement)
        return [register.shown(caller, each) for each in found]

    async def read(
        self,
        code: str,
        caller: Caller,
        record: int,
        *,
        as_of: tuple[date | None, datetime | None] = (None, None),
    ) -> Record:
        """Return one record, annulled or not.

        Raises:
            Missing: `record.unknown`: none, not then, or somebody else's.
        """
        register = self.register(code)
        question = showing.Question(
            register=register.number,
            key=None,
            value=str(record),
            fields=register.history.older_names(register.disclosed_to(caller)),
            subject=register.definition.subject,
            annulled_too=True,
            as_of=self._as_of(as_of),
            at=self.clock.now(),
            caller=caller,
        )
        for found in await self._reads.ask(question, question.statement):
            return register.shown(caller, found)
        raise Missing("record.unknown", register=code)

    async def _show(
        self, statement: str, questions: Sequence[showing.Question]
    ) -> list[list[store.Found]]:
        async with self.connection() as connection:
            return await showing.show(connection, statement, questions)

    def _as_of(self, given: tuple[date | None, datetime | None]) -> showing.AsOf | None:
        valid_at, known_at = given
        if valid_at is None and known_at is None:
            return None
        now = self.clock.now()
        return showing.AsOf(valid_at or local_date(now), as_utc(known_at or now))

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[store.Connection]:
        """Lend a connection; a database that does not answer is Unavailable."""
        try:
            async with self.pool.acquire(timeout=WITHIN_S) as connection:
                yield connection
        except _GONE as error:
            raise Unavailable("database.unavailable", problem=type(error).__name__) from error

    async def healthy(self) -> bool:
        """Say whether the database answers."""
        try:
            async with self.connection() as connection:
                return bool(await connection.fetchval("select true"))
        except Unavailable:
            return False

    async def events(self) -> dict[str, int]:
        """Return how many events wait and how many are dead; nothing without the database."""
        try:
            async with self.connection() as connection:
                return await outbox_rows.counts(connection)
        except Unavailable:
            return {}


# A process that runs longer than this without a new start logs into the month without a name.
MONTHS_AHEAD = timedelta(days=190)


async def open_months(connection: store.Connection, now: datetime) -> None:
    """Open the months of the log of readings that this process may come to."""
    await connection.execute("select registers.open_months($1, $2)", now, now + MONTHS_AHEAD)


_GONE = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # How a connection that died in our hands shows itself.
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.QueryCanceledError,
)


@asynccontextmanager
async def open_registers(
    database_url: str, definitions: Mapping[str, Definition], clock: Clock
) -> AsyncIterator[Registers]:
    """Publish the definitions, open the pool, and close it at the end.

    Raises:
        Misconfigured: a published definition was changed.
        Unavailable: `database.unavailable`.
    """
    try:
        pool = await asyncpg.create_pool(
            database_url, min_size=1, max_size=POOL_SIZE, command_timeout=WITHIN_S
        )
    except _GONE as error:
        raise Unavailable("database.unavailable", problem=type(error).__name__) from error
    try:
        async with pool.acquire() as connection:
            numbers = await publish(connection, definitions, clock.now())
            await open_months(connection, clock.now())
            history = await histories(connection)
        yield Registers(
            pool,
            {
                code: Register(definitions[code], numbers[code], history[code])
                for code in sorted(definitions)
            },
            clock,
        )
    finally:
        await pool.close()
