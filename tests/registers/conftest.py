"""A small invented country with its registers, and a database for them."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from pencere.countries import Country
from pencere.kernel.clock import FixedClock
from pencere.registers.caller import Caller
from pencere.registers.engine import Registers, open_registers
from pencere.registers.lint import load_registers
from pencere.registers.records import Operation, Record
from pencere.registers.writing import write


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def island(tmp_path: Path) -> Country:
    """An island with one office and three registers; a copy, so that a test may spoil it."""
    folder = tmp_path / "island"
    shutil.copytree(Path(__file__).parent / "island", folder)
    return Country.load_folder(folder)


@dataclass
class Sea:
    """The island's registers on one database, and the people who use them."""

    url: str
    superuser: str
    owner: str
    country: Country
    clock: FixedClock
    meri: str = "1MERA11"
    juhan: str = "2JHAN22"
    licence: str = "sea/fishing-licence"
    boat: str = "sea/boat"
    buoy: str = "sea/buoy"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Registers]:
        definitions = load_registers(self.country)
        async with open_registers(self.url, definitions, self.clock) as registers:
            yield registers

    def caller(self, purpose: str = "fishing", **others: str | None) -> Caller:
        given: dict[str, str | None] = {
            "client": "IS/GOV/harbour/portal",
            "exchange": "exchange-1",
            "basis": "sea-act",
            "actor": "IS1MERA11",
            "case": "HARBOUR-1",
            "person": self.meri,
            **others,
        }
        return Caller(purpose=purpose, **given)  # type: ignore[arg-type]

    def create(self, on: date = date(2026, 11, 22), **data: object) -> Operation:
        given = {"person": self.meri, "number": "A-50", "gear": "rod", **data}
        kept = {name: value for name, value in given.items() if value is not None}
        return Operation("create", "applied", valid_from=on, data=kept)

    async def granted(self, registers: Registers, **data: object) -> Record:
        """Meri's licence, just made."""
        [record] = await write(registers, self.licence, self.caller(), [self.create(**data)])
        return record

    async def sql(self, statement: str, *values: object) -> list[Any]:
        """Ask or change as the superuser, past all rights."""
        connection = await asyncpg.connect(self.superuser)
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close()


@pytest.fixture
def sea(make_database: Callable[[str], Any], island: Country) -> Sea:
    database = make_database("registers")
    clock = FixedClock(datetime(2026, 11, 22, 9, 0, tzinfo=UTC))
    return Sea(database.app, database.superuser, database.owner, island, clock)
