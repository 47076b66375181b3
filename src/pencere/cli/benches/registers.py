"""`pencere bench registers`: readings and amendments through the engine, beside bare PostgreSQL.

In process, so without HTTP: authorised, projected, logged and durable on our side. The limits are
`pgbench` with the same look-up and nothing else, and one statement and one commit a request.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psycopg

from pencere.countries.country import Country
from pencere.kernel.clock import SystemClock
from pencere.ops.databases import make_databases, migrate_databases
from pencere.ops.installation import Installation
from pencere.ops.postgres import POSTGRES_BIN_PATH, Cluster
from pencere.registers.caller import Caller
from pencere.registers.commands import Population, load_population
from pencere.registers.engine import Registers, open_registers
from pencere.registers.lint import load_registers
from pencere.registers.records import Operation, Record
from pencere.registers.writing import write

RUNS, SECONDS, PEOPLE = 3, 3.0, 20_000
PERSON = "population/person"
READERS, WRITERS = 64, 16
_LOOK_UP = """\\set n random(1, {last})
select r.data from registers.record r join registers.record_key k on k.record = r.id
    where r.id = :n and k.key = {key};
"""


def bench_registers(people: int = PEOPLE) -> list[dict[str, object]]:
    """Return a row for each figure, with its limit, their ratio and the target."""
    with _database() as installation:
        began = time.perf_counter()
        url, country = installation.database_url("registers"), Country.load("az")
        counts = asyncio.run(load_population(url, country, Population(people), SystemClock()))
        loaded = sum((counts or {}).values()) / (time.perf_counter() - began)
        points = [asyncio.run(_run(url, country)) for _ in range(RUNS)]
    common: dict[str, object] = {"people": people, "runs": RUNS}
    bare = "pgbench, the same look-up alone, 8 clients"
    each = "one look-up, log row and commit a request, 8 connections"
    alone = "the same amendments one after the other"
    load = {"name": "load of the population", "value": round(loaded), "limit": 0, "ratio": 0}
    return [
        _row(f"read, {READERS} at once", points, ("read", "pgbench"), bare, None) | common,
        _row(f"read, {READERS} at once", points, ("read", "each"), each, 1.5) | common,
        _row(f"amend, {WRITERS} at once", points, ("amend", "alone"), alone, 1.5) | common,
        load | {"limit_name": "none", "target": None, "unit": "records per second"} | common,
    ]


def _row(
    name: str,
    points: list[dict[str, float]],
    measured: tuple[str, str],
    limit_name: str,
    target: float | None,
) -> dict[str, object]:
    ours, limit = measured
    return {
        "name": name,
        "value": round(median(point[ours] for point in points)),
        "limit": round(median(point[limit] for point in points)),
        "limit_name": limit_name,
        "ratio": round(median(point[ours] / point[limit] for point in points), 2),
        "target": target,
        "unit": "requests per second",
    }


@contextmanager
def _database() -> Iterator[Installation]:
    """Make a server of its own, as durable as in earnest; nothing of it stays."""
    folder = Path(tempfile.mkdtemp(prefix="pencere-bench-"))
    installation = Installation(data=folder)
    cluster = Cluster.of(installation)
    server = cluster.start()
    try:
        make_databases(installation, ["registers"])
        migrate_databases(installation, ["registers"])
        yield installation
    finally:
        cluster.stop(server)
        shutil.rmtree(folder, ignore_errors=True)


async def _run(url: str, country: Country) -> dict[str, float]:
    with psycopg.connect(url) as connection:
        fins = [
            str(row[0])
            for row in connection.execute(
                "select r.data->>'fin' from registers.record r join registers.register g"
                " on g.id = r.register where g.code = %s and r.state = 'valid' order by r.id",
                (PERSON,),
            ).fetchall()
        ]
    async with open_registers(url, load_registers(country), SystemClock()) as registers:
        definition = registers.register(PERSON).definition
        key = next(key for key in definition.keys.values() if key.is_person)
        client, purpose = next(
            (writer.client, purpose) for writer in definition.writers
            for purpose in sorted(writer.purposes)
        )  # fmt: skip

        def caller(fin: str) -> Caller:
            return Caller(client, "bench", purpose, "bench", person=fin)

        async def read(turn: int) -> None:
            fin = fins[turn * 7919 % len(fins)]
            await registers.find(PERSON, caller(fin), {key.name: fin})

        async def bare(turn: int) -> None:
            fin = fins[turn * 7919 % len(fins)]
            await registers.pool.fetch(_EACH, registers.register(PERSON).number, key.number, fin)

        return {
            "pgbench": _pgbench(url, key.number, len(fins)),
            "read": await _rate(read, READERS),
            "each": await _rate(bare, 8),
            "alone": await _amend(registers, caller, fins, 1),
            "amend": await _amend(registers, caller, fins, WRITERS),
        }


_EACH = """
    with f as materialized (
        select r.id, r.version, r.data from registers.record_key k
            join registers.record r on r.id = k.record
        where k.register = $1 and k.key = $2 and k.value = $3 and k.enforced
    ), l as (
        insert into registers.read_log (at, register, record, version, key, client, purpose, basis)
        select now(), $1, id, version, $2, 'bench', 'bench', 'bench' from f
    ) select * from f
"""


async def _amend(
    registers: Registers, caller: Callable[[str], Caller], fins: list[str], writers: int
) -> float:
    """Amend records nobody else amends, with what stands there already."""
    seen: dict[int, Record] = {}
    for writer in range(writers):
        fin = fins[writer]
        [seen[writer]] = await registers.find(PERSON, caller(fin), {"fin": fin})

    async def amend(turn: int) -> None:
        writer = turn % writers
        there = seen[writer]
        operation = Operation(
            "amend", "bench", record=there.id, version=there.version, data=there.data
        )
        [seen[writer]] = await write(registers, PERSON, caller(fins[writer]), [operation])

    return await _rate(amend, writers)


async def _rate(ask: Callable[[int], Awaitable[None]], askers: int) -> float:
    until = time.perf_counter() + SECONDS
    done = 0

    async def go(asker: int) -> None:
        nonlocal done
        turn = asker
        while time.perf_counter() < until:
            await ask(turn)
            turn += askers
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*(go(asker) for asker in range(askers)))
    return done / (time.perf_counter() - began)


def _pgbench(url: str, key: int, last: int) -> float:
    program = str(POSTGRES_BIN_PATH / "pgbench")
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(_LOOK_UP.format(last=last, key=key))
        script.flush()
        told = subprocess.run(  # noqa: S603  # our own arguments
            [program, "-n", "-M", "prepared", "-c", "8", "-j", "2", "-T", str(int(SECONDS)),
                "-f", script.name, url],
            check=True, capture_output=True, text=True, env=os.environ,
        ).stdout  # fmt: skip
    [line] = [line for line in told.splitlines() if line.startswith("tps")]
    return float(line.split()[2])
