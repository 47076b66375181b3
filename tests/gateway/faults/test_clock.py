"""A node with a wrong clock: it says so, carries nothing, and comes back without hands."""

from datetime import timedelta

import pytest
from tests.gateway.authority import Authority, authority  # noqa: F401 - a fixture
from tests.gateway.conftest import Pair, ask, wait_until

from pencere.gateway.observe.clocks import Clocks
from pencere.kernel.clock import SystemClock

CLIENTS, SERVERS = "server.clientproxy.clock_skew", "server.serverproxy.clock_skew"


def refusal(pair: Pair) -> tuple[int, str | None]:
    answer = pair.ask()
    return answer.status, answer.header("X-Road-Error")


def clock_check(pair: Pair, at: int) -> tuple[int, bool, str]:
    answer = ask(pair.ports[at], "GET", "/healthz")
    check = next(one for one in answer.json["checks"] if one["name"] == "clock")
    return answer.status, check["ok"], check["detail"]


def wrong(pair: Pair, at: int) -> bool:
    return bool(pair.node(at).core.clock_wrong)


@pytest.mark.parametrize("off", [timedelta(minutes=3), timedelta(minutes=-3)], ids=str)
def test_a_consumers_node_that_starts_with_a_wrong_clock_carries_nothing_until_it_is_right(
    pair: Pair,
    authority: Authority,  # noqa: F811
    off: timedelta,
) -> None:
    pair.clocks[0].advance(off)
    pair.start(1)
    pair.start(0, tsa_url=authority.url, stamp_every_s=0.1)
    wait_until(lambda: wrong(pair, 0))

    assert refusal(pair) == (502, CLIENTS)
    status, is_right, told = clock_check(pair, 0)
    assert (status, is_right) == (503, False)
    assert "180 s " + ("ahead of" if off > timedelta(0) else "behind") in told
    assert pair.upstream.calls == []

    pair.clocks[0].advance(-off)
    wait_until(lambda: not wrong(pair, 0))
    assert pair.ask().status == 200
    assert clock_check(pair, 0)[:2] == (200, True)


def test_a_providers_clock_that_jumps_while_it_runs_is_noticed_though_nobody_asks(
    pair: Pair,
    authority: Authority,  # noqa: F811
) -> None:
    pair.start(0)
    # Stamps are far apart: it is the jump that has the clock compared.
    pair.start(1, tsa_url=authority.url, stamp_every_s=600)
    wait_until(lambda: pair.node(1).core.clocks.told.endswith("(negative: ahead)"))
    assert pair.ask().status == 200

    pair.clocks[1].advance(timedelta(hours=-2))
    wait_until(lambda: wrong(pair, 1))
    calls = len(pair.upstream.calls)
    assert refusal(pair) == (502, SERVERS)
    assert len(pair.upstream.calls) == calls

    pair.clocks[1].advance(timedelta(hours=2))
    wait_until(lambda: not wrong(pair, 1))
    assert pair.ask().status == 200


def test_a_clock_that_was_wrong_stays_so_while_the_authority_is_away(
    pair: Pair,
    authority: Authority,  # noqa: F811
) -> None:
    pair.clocks[0].advance(timedelta(minutes=10))
    pair.start(1)
    pair.start(0, tsa_url=authority.url, stamp_every_s=0.1)
    wait_until(lambda: wrong(pair, 0))
    authority.is_away = True
    pair.clocks[0].advance(timedelta(minutes=-10))
    wait_until(lambda: bool(pair.node(0).stamper and pair.node(0).stamper.trouble))  # type: ignore[union-attr]

    assert refusal(pair) == (502, CLIENTS)

    authority.is_away = False
    wait_until(lambda: not wrong(pair, 0))
    assert pair.ask().status == 200


def test_a_directory_of_the_future_says_that_the_clock_is_behind(pair: Pair) -> None:
    now = pair.clocks[0].now()
    pair.publish(2, to=(0,), issued_at=(now + timedelta(minutes=3)).isoformat())
    pair.start()
    wait_until(lambda: wrong(pair, 0))

    assert refusal(pair) == (502, CLIENTS)
    assert "the directory is of the future" in clock_check(pair, 0)[2]

    for clock in pair.clocks:
        clock.advance(timedelta(minutes=2))
    wait_until(lambda: not wrong(pair, 0))
    assert pair.ask().status == 200


def test_no_number_of_peers_can_stop_a_node() -> None:
    clocks = Clocks(timedelta(minutes=2))
    for number in range(50):
        clocks.note(f"AZ/GOV/x/{number}", timedelta(hours=1))

    assert (clocks.refusal, clocks.is_right) == ("", False)

    clocks.attest(timedelta(0))
    assert (clocks.refusal, clocks.is_right) == ("", True)


def test_what_the_authority_said_long_ago_gives_way_to_peers_and_never_opens_again() -> None:
    at = [0.0]
    clocks = Clocks(timedelta(minutes=2), lambda: at[0])
    clocks.attest(timedelta(0))
    clocks.note("AZ/GOV/x/node", timedelta(seconds=100))
    assert clocks.is_right
    at[0] = 301.0
    assert not clocks.is_right
    clocks.attest(timedelta(minutes=5))
    at[0] = 10_000.0
    assert clocks.refusal
    clocks.issued(SystemClock().now(), SystemClock().now())
    assert clocks.refusal
