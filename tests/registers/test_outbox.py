"""Events reach the node: each system in its own time, each record in order, none twice or lost."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta

import asyncpg
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.registers import one_outbox
from tests.registers.conftest import Sea
from tests.registers.node_port import TAKEN, Port, open_port

from pencere.gateway.wire.faults import FaultStyle, Kind, client_fault
from pencere.kernel.errors import Invalid, Missing
from pencere.registers import dead_events
from pencere.registers.app import Config, create_app
from pencere.registers.engine import Registers
from pencere.registers.event_port import EventPort, Verdict, verdict_of
from pencere.registers.keeping import Kept, keep_events
from pencere.registers.outbox import Outbox

DOWN, UNKNOWN = (503, "server.clientproxy.stopping"), (404, "server.clientproxy.unknown_event")
REUSED = (409, "server.clientproxy.message_conflict")
WEEK = timedelta(days=7)
STATES = "select key, state, attempts, reason from registers.event_outbox order by id"


@pytest.fixture
def port() -> Iterator[Port]:
    with open_port() as found:
        yield found


async def keep(
    sea: Sea, registers: Registers, *keys: str, system: str = "harbour/sea", type_: str = "moved"
) -> None:
    """Keep events; a key is `<record>/<version>`."""
    async with registers.connection() as connection:
        for key in keys:
            record = int(key.partition("/")[0])
            event = Kept(system, type_, record, key, sea.meri, {"to": key}, sea.clock.now())
            await keep_events(connection, [event])


class Handing:
    """An outbox whose rounds are the test's to begin."""

    def __init__(self, registers: Registers, port: Port, node: httpx.AsyncClient) -> None:
        self.outbox = Outbox(registers, EventPort(port.url, "IS/GOV", {"harbour/sea": "k"}))
        self.node = node

    async def over(self, *systems: str) -> list[int]:
        """Hand over until nothing is settled any more; return how many each system settled."""
        return [await self._all(one) for one in systems or ("harbour/sea",)]

    async def _all(self, system: str) -> int:
        total = 0
        while settled := await self.outbox.hand_over(self.node, system):
            total += settled
        return total


@pytest.fixture
async def registers(sea: Sea):
    async with sea.open() as opened:
        yield opened


@pytest.fixture
async def hand(registers: Registers, port: Port):
    async with httpx.AsyncClient(base_url=port.url) as node:
        yield Handing(registers, port, node)


pytestmark = pytest.mark.anyio


async def run_until(outbox: Outbox, claim: Callable[[], bool]) -> None:
    """Let the outbox work by itself until something is so."""
    task = asyncio.create_task(outbox.run())
    try:
        async with asyncio.timeout(60):
            while not claim():
                assert not task.done()
                await asyncio.sleep(0.02)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_kept(registers: Registers, **counts: int) -> None:
    """Wait until so many events wait and are dead."""
    async with asyncio.timeout(60):
        while True:
            if await registers.events() == counts:
                return
            await asyncio.sleep(0.02)


async def states(sea: Sea) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await sea.sql(STATES)]


# Fairness


async def test_a_system_that_is_stuck_with_200_events_delays_nobody_else(
    sea: Sea, registers: Registers, port: Port, hand: Handing
) -> None:
    await keep(sea, registers, *(f"{n}/1" for n in range(200)), system="harbour/stuck")
    await keep(sea, registers, *(f"{n}/1" for n in range(300, 420)), system="harbour/sea")
    port.refusing(stuck=DOWN)

    def waiting() -> list[int]:
        return [way.waiting for way in dead_events.ways(sea.url)]

    await run_until(hand.outbox, lambda: waiting() == [0, 200])

    assert port.effects == [f"{n}/1" for n in range(300, 420)]
    assert set(port.keys_of("harbour/stuck")) == {"0/1"}


async def test_a_system_is_looked_at_later_and_later_and_goes_on_at_once(
    sea: Sea, registers: Registers, port: Port, hand: Handing
) -> None:
    await keep(sea, registers, "1/1", "2/1")
    port.refusing(sea=DOWN)
    waits = []
    for _ in range(11):
        await hand.over()
        [(closed, wait)] = await sea.sql(
            "select closed_since, extract(epoch from next_at - $1)::int from registers.event_way",
            sea.clock.now(),
        )
        waits.append(wait)
        sea.clock.advance(timedelta(seconds=wait))
    first = closed
    port.answer = lambda _: TAKEN
    settled = await hand.over()

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert first is not None
    assert settled == [2]
    assert [(way.closed_since, way.reason) for way in dead_events.ways(sea.url)] == [(None, "")]


async def test_a_way_that_closes_within_a_group_is_asked_once(
    sea: Sea, registers: Registers, port: Port, hand: Handing
) -> None:
    await keep(sea, registers, "1/1", "2/1", "3/1")
    port.answer = lambda one: TAKEN if one.key == "1/1" else DOWN

    await hand.over()

    assert [one.key for one in port.posted] == ["1/1", "2/1"]


async def test_a_type_that_is_not_registered_waits_alone(
    sea: Sea, registers: Registers, port: Port, hand: Handing
) -> None:
    await keep(sea, registers, "1/1", "2/1", type_="sunk")
    await keep(sea, registers, "1/2", "3/1")
    port.answer = lambda one: UNKNOWN if one.type == "sunk" else TAKEN

    await hand.over()
    again = await hand.over()
    sea.clock.advance(timedelta(seconds=30))
    port.answer = lambda _: TAKEN
    await hand.over()

    # The second event of record 1 came behind the first, also when that had to wait.
    assert again == [0]
    assert port.effects == ["3/1", "1/1", "2/1", "1/2"]


async def test_events_of_a_record_are_handed_over_in_order_whatever_waits(
    sea: Sea, registers: Registers, port: Port, hand: Handing
) -> None:
    keys = [f"{record}/{version}" for version in range(1, 6) for record in (1, 2)]
    await keep(sea, registers, *keys)
    refused = {"1/2", "2/4"}
    port.answer = lambda one: (500, "") if one.key in refused else TAKEN

    await hand.over()
    before = list(port.effects)
    refused.clear()
    sea.clock.advance(timedelta(minutes=1))
    await hand.over()

    assert before == ["1/1", "2/1", "2/2", "2/3"]
    for record in "12":
        taken = [key for key in port.effects if key.startswith(record)]
        assert taken == [f"{record}/{version}" for version in range(1, 6)]


# Dead


async def test_a_refusal_that_cannot_change_is_dead_at_once_and_keeps_its_record_waiting(
    sea: Sea, registers: Registers, port: Port, hand: Handing
) -> None:
    await keep(sea, registers, "1/1", "1/2", "2/1")
    port.answer = lambda one: REUSED if one.key == "1/1" else TAKEN

    await hand.over()
    sea.clock.advance(timedelta(days=30))
    await hand.over()

    assert port.keys_of("harbour/sea") == ["1/1", "2/1"]
    [dead] = dead_events.dead_events(sea.url)
    assert (dead.key, dead.attempts, dead.reason, dead.behind) == (
        "1/1", 1, "409 server.clientproxy.message_conflict", 1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("after", "state"),
    [(WEEK - timedelta(seconds=1), "waiting"), (WEEK, "dead"), (2 * WEEK, "dead")],
)
async def test_an_event_of_its_own_trouble_is_dead_a_week_after_the_first_refusal(
    sea: Sea, registers: Registers, port: Port, hand: Handing, after: timedelta, state: str
) -> None:
    await keep(sea, registers, "1/1")
    sea.clock.advance(2 * WEEK)  # nobody tried it
    port.refusing(sea=UNKNOWN)

    await hand.over()
    [(_, first, _, _)] = await states(sea)
    sea.clock.advance(after)
    await hand.over()

    assert (first, await states(sea)) == (
        "waiting",
        [("1/1", state, 2, " ".join(map(str, UNKNOWN)))],
    )


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (WEEK - timedelta(seconds=1), ["waiting", "waiting"]),
        (WEEK, ["dead", "waiting"]),
        (WEEK + timedelta(days=1), ["dead", "dead"]),
    ],
)
async def test_events_die_when_the_node_took_none_of_the_system_for_their_week(
    sea: Sea, registers: Registers, port: Port, hand: Handing,
    after: timedelta, expected: list[str],
) -> None:  # fmt: skip
    await keep(sea, registers, "1/1")
    port.refusing(sea=(401, "server.clientproxy.ssl_authentication_failed"))
    await hand.over()
    sea.clock.advance(timedelta(days=1))
    await keep(sea, registers, "2/1")
    sea.clock.advance(after - timedelta(days=1))
    await hand.over()

    assert [state for _, state, _, _ in await states(sea)] == expected


async def test_a_process_that_was_away_for_longer_finds_its_events_alive(
    sea: Sea, registers: Registers, port: Port, hand: Handing
) -> None:
    await keep(sea, registers, "1/1")
    sea.clock.advance(4 * WEEK)
    port.refusing(sea=DOWN)
    await hand.over()
    port.answer = lambda _: TAKEN
    sea.clock.advance(timedelta(seconds=1))

    assert await hand.over() == [1]


async def test_dead_events_are_sent_again_in_order_once_the_hindrance_is_gone(
    sea: Sea, registers: Registers, port: Port, hand: Handing
) -> None:
    await keep(sea, registers, "1/1", "1/2", "2/1")
    port.refusing(sea=REUSED)
    await hand.over()
    port.refusing(sea=DOWN)
    await keep(sea, registers, "3/1")
    await hand.over()
    port.answer = lambda _: TAKEN

    with pytest.raises(Missing):
        dead_events.send_again(sea.url, sea.clock.now(), ["1/1", "1/2"])
    await hand.over()
    still = [one.key for one in dead_events.dead_events(sea.url)]
    one = dead_events.send_again(sea.url, sea.clock.now(), ["2/1"])
    rest = dead_events.send_again(sea.url, sea.clock.now())
    await hand.over()

    assert (still, one, rest) == (["1/1", "2/1"], 1, 1)
    assert sorted(port.effects) == ["1/1", "1/2", "2/1", "3/1"]
    assert port.effects.index("1/1") < port.effects.index("1/2")
    assert (await states(sea), dead_events.dead_events(sea.url)) == ([], [])


async def test_an_event_that_is_sent_again_has_a_week_again(
    sea: Sea, registers: Registers, port: Port, hand: Handing
) -> None:
    await keep(sea, registers, "1/1")
    port.refusing(sea=UNKNOWN)
    await hand.over()
    sea.clock.advance(WEEK)
    await hand.over()
    dead_events.send_again(sea.url, sea.clock.now())
    await hand.over()
    sea.clock.advance(WEEK - timedelta(seconds=1))
    await hand.over()

    assert [state for _, state, _, _ in await states(sea)] == ["waiting"]


async def test_a_withdrawn_event_stays_on_record_and_lets_go_what_waits_behind_it(
    sea: Sea, registers: Registers, port: Port, hand: Handing
) -> None:
    await keep(sea, registers, "1/1", "1/2")
    port.answer = lambda one: REUSED if one.key == "1/1" else TAKEN
    await hand.over()

    for key, reason in (("1/2", "told by letter"), ("9/9", "told by letter")):
        with pytest.raises(Missing):
            dead_events.withdraw(sea.url, key, reason)
    for reason in ("", "x" * 201, "two\nlines"):
        with pytest.raises(Invalid):
            dead_events.withdraw(sea.url, "1/1", reason)
    dead_events.withdraw(sea.url, "1/1", "told by letter")
    await hand.over()

    reason = "409 server.clientproxy.message_conflict; told by letter"
    assert port.effects == ["1/2"]
    assert await states(sea) == [("1/1", "withdrawn", 1, reason)]


async def test_why_events_died_is_counted(
    sea: Sea, registers: Registers, port: Port, hand: Handing
) -> None:
    await keep(sea, registers, "1/1", "2/1", "3/1")
    await keep(sea, registers, "4/1", type_="sunk")
    port.answer = lambda one: (413, "io_error") if one.type == "sunk" else REUSED
    await hand.over()

    assert dead_events.by_reason(dead_events.dead_events(sea.url)) == [
        ("moved", "409 server.clientproxy.message_conflict", 3),
        ("sunk", "413 io_error", 1),
    ]
    assert await registers.events() == {"waiting": 0, "dead": 4}


# Killed, doubled, cut off


async def test_who_is_killed_between_sending_and_noting_loses_nothing_and_doubles_nothing(
    sea: Sea, registers: Registers, port: Port, hand: Handing
) -> None:
    await keep(sea, registers, *(f"{n}/1" for n in range(5)), "2/2")
    killed = []
    process = await asyncio.create_subprocess_exec(
        sys.executable, one_outbox.__file__, sea.url, port.url, str(sea.country.folder)
    )

    def answer(one: object) -> tuple[int, str]:
        if len(port.posted) == 3 and not killed:
            port.effects.append(port.posted[-1].key)  # the node has it
            killed.append(port.posted[-1].key)
            os.kill(process.pid, signal.SIGKILL)
        return TAKEN

    port.answer = answer
    async with asyncio.timeout(60):
        await process.wait()
    left = [key for key, _, _, _ in await states(sea)]
    await run_until(hand.outbox, lambda: len(port.effects) == 6)

    assert (killed, left) == (["2/1"], ["2/1", "3/1", "4/1", "2/2"])
    assert port.keys_of("harbour/sea") == ["0/1", "1/1", "2/1", "2/1", "3/1", "4/1", "2/2"]
    assert port.effects == ["0/1", "1/1", "2/1", "3/1", "4/1", "2/2"]


async def test_two_outboxes_at_once_send_each_event_once_and_in_order(
    sea: Sea, registers: Registers, port: Port, hand: Handing
) -> None:
    systems = [f"harbour/s{n}" for n in range(6)]
    for number, system in enumerate(systems):
        keys = [f"{number * 10 + n % 10}/{n}" for n in range(40)]
        await keep(sea, registers, *keys, system=system)

    async with sea.open() as others:
        other = Outbox(others, EventPort(port.url, "IS/GOV", {}))
        tasks = [asyncio.create_task(one.run()) for one in (hand.outbox, other)]
        # Until all is noted: what is stopped before its note would rightly be repeated.
        await until_kept(registers, waiting=0, dead=0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    assert sorted(one.key for one in port.posted) == sorted(port.effects)
    for record in range(60):
        versions = [key.split("/")[1] for key in port.effects if key.startswith(f"{record}/")]
        assert versions == sorted(versions, key=int)


async def test_a_turn_belongs_to_one_process(
    sea: Sea, registers: Registers, port: Port, hand: Handing
) -> None:
    await keep(sea, registers, "1/1")
    name = "registers events of harbour/sea"
    connection = await asyncpg.connect(sea.url)
    await connection.execute("select pg_advisory_lock(hashtextextended($1, 0))", name)
    while_taken = await hand.over()
    await connection.close()
    await run_until(hand.outbox, lambda: port.effects == ["1/1"])

    assert while_taken == [0]


async def test_a_database_that_was_away_is_waited_for(
    sea: Sea, registers: Registers, port: Port, hand: Handing
) -> None:
    await keep(sea, registers, "1/1", "2/1")
    cut = (
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where usename = 'registers_app' and datname = current_database()"
    )
    loop = asyncio.get_running_loop()

    def answer(one: object) -> tuple[int, str]:
        if len(port.posted) == 1:
            asyncio.run_coroutine_threadsafe(sea.sql(cut), loop).result(10)
        return TAKEN

    port.answer = answer
    await run_until(hand.outbox, lambda: len(port.effects) == 2)

    # Sent, and not noted, when the database went: sent again under its key.
    assert port.keys_of("harbour/sea") == ["1/1", "1/1", "2/1"]


async def test_a_service_that_hands_nothing_over_is_ill_and_one_with_dead_events_is_not(
    sea: Sea, port: Port
) -> None:
    port.refusing(sea=REUSED)
    events = EventPort(port.url, "IS/GOV", {"harbour/sea": "k"})
    app = create_app(Config(sea.url, "secret", sea.country, sea.clock, events=events))
    async with app.router.lifespan_context(app):
        registers = app.state.registers
        await keep(sea, registers, "1/1", "1/2")
        await until_kept(registers, waiting=1, dead=1)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://registers") as asking:
            well, metrics = await asking.get("/healthz"), await asking.get("/metrics")
            app.state.outbox.cancel()
            await asyncio.gather(app.state.outbox, return_exceptions=True)
            ill = await asking.get("/healthz")

    told = {"name": "events", "ok": True, "detail": "1 waiting, 1 dead"}
    assert (well.status_code, well.json()["checks"][-1]) == (200, told)
    assert 'pencere_registers_events{state="dead"} 1.0' in metrics.text.splitlines()
    told = {"name": "events", "ok": False, "detail": "are not handed over"}
    assert (ill.status_code, ill.json()["checks"][-1]) == (503, told)


# What the node says


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        (Kind.UNKNOWN_EVENT, Verdict.LATER),
        (Kind.SERVICE_DISABLED, Verdict.LATER),
        (Kind.NODE_ERROR, Verdict.LATER),
        (Kind.INVALID_REQUEST, Verdict.NEVER),
        (Kind.MESSAGE_CONFLICT, Verdict.NEVER),
        (Kind.MESSAGE_TOO_LARGE, Verdict.NEVER),
        (Kind.INTERNAL_ERROR, Verdict.NEVER),
        (Kind.INVALID_HEADER, Verdict.NEVER),
        (Kind.INVALID_CLIENT_IDENTIFIER, Verdict.CLOSED),
        (Kind.UNKNOWN_MEMBER, Verdict.CLOSED),
        (Kind.SSL_AUTHENTICATION_FAILED, Verdict.CLOSED),
        (Kind.RATE_EXCEEDED, Verdict.CLOSED),
        (Kind.GLOBAL_CONF_OUTDATED, Verdict.CLOSED),
        (Kind.STOPPING, Verdict.CLOSED),
        (Kind.TIMEOUT, Verdict.CLOSED),
    ],
)
@pytest.mark.parametrize("style", [FaultStyle(), FaultStyle(classic_codes=True)])
def test_what_a_fault_means(style: FaultStyle, kind: Kind, verdict: Verdict) -> None:
    fault = client_fault(kind, "no")
    code = style.code(fault).rpartition(".")[2]

    assert verdict_of(style.status(fault), code) is verdict


@given(status=st.integers(100, 599), code=st.text(max_size=30))
def test_only_202_is_taken(status: int, code: str) -> None:
    assert (verdict_of(status, code) is Verdict.TAKEN) == (status == 202)
