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
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from pencere.kernel.clock import Clock, as_utc, local_date
from pencere.kernel.errors import Invalid, Missing, Refused, Unavailable
from pencere.registers import outbox_rows, store
from pencere.registers.caller import Caller
from pencere.registers.definition import Definition
from pencere.registers.keys import asked_value
from pencere.registers.publishing import publish
from pencere.registers.records import Record

POOL_SIZE = 8
WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Register:
    """A register with its short number in the database."""

    definition: Definition
    number: int

    def disclosed_to(self, caller: Caller) -> Sequence[str]:
        """Return the fields the caller's purpose opens, of them those the agreement names.

        Raises:
            Refused: `purpose.not_disclosed`, `fields.not_disclosed`: the agreement names none
                of what the purpose opens.
            Invalid: `header.missing`, for want of the person.
        """
        fields = self.definition.disclosure.get(caller.purpose)
        if fields is None:
            raise Refused("purpose.not_disclosed", register=self.definition.code)
        if self.definition.subject is not None and caller.person is None:
            raise Invalid("header.missing", header="pencere-person")
        if not caller.fields:
            return fields
        narrowed = tuple(field for field in fields if field in caller.fields)
        if not narrowed:
            raise Refused("fields.not_disclosed", register=self.definition.code)
        return narrowed


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
        """Return the records that the one key in `by` finds, at most `store.MAX_FOUND`.

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
        question = store.Question(
            register=register.number,
            key=key,
            value=value,
            fields=fields,
            subject=None if about_person else register.definition.subject,
            annulled_too=annulled_too,
            as_of=self._as_of(as_of),
            at=self.clock.now(),
        )
        async with self.connection() as connection:
            return await store.show(connection, question, caller)

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
        question = store.Question(
            register=register.number,
            key=None,
            value=str(record),
            fields=register.disclosed_to(caller),
            subject=register.definition.subject,
            annulled_too=True,
            as_of=self._as_of(as_of),
            at=self.clock.now(),
        )
        async with self.connection() as connection:
            for found in await store.show(connection, question, caller):
                return found
        raise Missing("record.unknown", register=code)

    def _as_of(self, given: tuple[date | None, datetime | None]) -> store.AsOf | None:
        valid_at, known_at = given
        if valid_at is None and known_at is None:
            return None
        now = self.clock.now()
        return store.AsOf(valid_at or local_date(now), as_utc(known_at or now))

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
        yield Registers(
            pool,
            {code: Register(definitions[code], numbers[code]) for code in sorted(definitions)},
            clock,
        )
    finally:
        await pool.close()
