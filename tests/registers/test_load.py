"""The invented population: loaded once, whole or not at all, and as if written one by one."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import psycopg
import pytest

from pencere.countries import Country
from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Invalid, Missing
from pencere.registers.caller import Caller
from pencere.registers.commands import (
    Population,
    list_registers,
    load_population,
    population_is_loaded,
    verify_registers,
)
from pencere.registers.engine import open_registers
from pencere.registers.lint import load_registers
from pencere.registers.writing import give_number

pytestmark = pytest.mark.anyio

CLOCK = FixedClock(datetime(2026, 11, 22, 9, 0, tzinfo=UTC))


@pytest.fixture
def database(make_database) -> SimpleNamespace:
    return make_database("registers")


@pytest.fixture(scope="module")
def country() -> Country:
    return Country.load("az")


async def test_a_load_is_done_once_and_verifies(database, country) -> None:
    steps: list[int] = []
    counts = await load_population(database.app, country, Population(300), CLOCK, steps.append)
    again = await load_population(database.app, country, Population(300), CLOCK)
    listed = {each.code: each.records for each in list_registers(country, "en", database.app)}

    assert counts is not None
    assert counts["population/person"] == 300
    assert sum(steps) == sum(counts.values())
    assert {code: count for code, count in listed.items() if count} == counts
    assert again is None
    assert population_is_loaded(database.app)
    assert verify_registers(database.app) == []


async def test_ready_persons_are_found_through_the_register(database, country) -> None:
    await load_population(database.app, country, Population(50), CLOCK)
    caller = Caller("AZ/GOV/idda/portal", "x-1", "replace-licence", "act", person="6AYDN47")
    issuing = Caller("AZ/GOV/idda/portal", "x-2", "issue-licence", "act", person="6AYDN47")
    async with open_registers(database.app, load_registers(country), CLOCK) as registers:
        [licence] = await registers.find("dyp/driving-licence", caller, {"fin": "6AYDN47"})
        number = await give_number(registers, "dyp/driving-licence", issuing, "first-number")
        [fitness] = await registers.find(
            "health/medical-certificate",
            Caller("AZ/GOV/idda/portal", "x-3", "fitness", "act", person="6AYDN47"),
            {"fin": "6AYDN47"},
        )
    with psycopg.connect(database.app) as connection:
        taken = connection.execute(
            "select count(*) from registers.record_version where data->>'number' = %s", (number,)
        ).fetchone()

    assert licence.data == {
        "fin": "6AYDN47",
        "number": "AB 123456",
        "family": "Quliyeva",
        "given": "Aydan",
        "categories": ["B"],
        "issued": "2017-01-12",
        "expires": "2027-01-12",
    }
    assert fitness.data["valid_until"] == "2027-03-14"
    assert taken == (0,)


async def test_a_load_that_is_killed_has_not_happened(database, country) -> None:
    program = f"""
import asyncio, sys
from pencere.countries import Country
from pencere.kernel.clock import SystemClock
from pencere.registers.commands import Population, load_population
def told(added):
    print(added, flush=True)
    sys.stdin.read()
asyncio.run(load_population({database.app!r}, Country.load("az"), Population(3000),
    SystemClock(), told))
"""
    with subprocess.Popen(  # noqa: ASYNC220  # nothing else runs on this loop
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1000\n"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    counts = await load_population(database.app, country, Population(60), CLOCK)

    assert counts is not None
    assert counts["population/person"] == 60


async def test_a_load_over_other_records_is_refused(database, country, sea) -> None:
    async with sea.open() as registers:
        await sea.granted(registers)
    with pytest.raises(Invalid) as refused:
        await load_population(sea.url, country, Population(60), CLOCK)
    with pytest.raises(Missing) as none:
        await load_population(database.app, sea.country, Population(60), CLOCK)

    assert refused.value.code == "load.not_empty"
    assert none.value.code == "population.none"
