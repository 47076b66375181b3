"""An outbox in a process of its own, for tests that kill it: database, port and definitions."""

import asyncio
import sys
from pathlib import Path

from pencere.countries import Country
from pencere.kernel.clock import SystemClock
from pencere.registers.engine import open_registers
from pencere.registers.event_port import EventPort
from pencere.registers.lint import load_registers
from pencere.registers.outbox import Outbox


async def work(database_url: str, port_url: str, country: str) -> None:
    definitions = load_registers(Country.load_folder(Path(country)))
    async with open_registers(database_url, definitions, SystemClock()) as registers:
        await Outbox(registers, EventPort(port_url, "IS/GOV", {})).run()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
