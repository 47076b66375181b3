"""Both ways between nodes, framed and plain, in every combination that can meet."""

import threading

import pytest
from tests.gateway.conftest import SERVICE, Pair, ask, headers, wait_until
from tests.gateway.test_faults import GOOD, outcome

from pencere.gateway.link.frames import ALPN, HTTP
from pencere.gateway.link.server import CalledConnection

FRAMED, PLAIN = (ALPN, HTTP), (HTTP,)
WAYS = {
    "framed": (FRAMED, FRAMED),
    "plain": (PLAIN, PLAIN),
    "the called speaks HTTP only": (FRAMED, PLAIN),
    "the caller speaks HTTP only": (PLAIN, FRAMED),
}


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def ways(request: pytest.FixtureRequest, pair: Pair) -> Pair:
    consumer, provider = request.param
    pair.start(0, link_protocols=consumer)
    pair.start(1, link_protocols=provider)
    pair.changes["framed"] = consumer == provider == FRAMED
    return pair


def framed_connections(pair: Pair) -> list[bool]:
    found = pair.node(1)._link.connections
    return [isinstance(one, CalledConnection) for one in found]


def test_many_are_answered_and_on_frames_share_a_connection(ways: Pair) -> None:
    ways.upstream.delay_s = 0.3
    found: list[tuple[int, str | None]] = []
    threads = [threading.Thread(target=lambda: found.append(outcome(ways))) for _ in range(12)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(ways.upstream.calls) == 12)
    connections = framed_connections(ways)
    ways.upstream.released.set()
    for thread in threads:
        thread.join()

    assert found == [GOOD] * 12
    if ways.changes["framed"]:
        assert connections == [True]
    else:
        assert set(connections) == {False}


def test_a_large_body_comes_through_both_ways_byte_for_byte(ways: Pair) -> None:
    ways.upstream.responds = {"echo_body": True}
    body = bytes(range(256)) * 32 * 1024

    answer = ask(ways.ports[0], "POST", SERVICE + "/query", headers(), body)

    assert (answer.status, answer.body == body, len(answer.body)) == (200, True, 8 * 1024 * 1024)


def test_a_node_that_stops_and_returns_costs_no_false_answer(ways: Pair) -> None:
    assert outcome(ways) == GOOD
    ways.stop(1)

    assert outcome(ways) == (502, "server.clientproxy.network_error")
    protocols = ways.node(0).config.link_protocols
    ways.start(1, link_protocols=protocols)
    assert outcome(ways) == GOOD


def test_a_service_that_takes_too_long_is_a_fault_and_the_link_goes_on(pair: Pair) -> None:
    services = pair.payload(1)["services"]
    services[0]["timeout_s"] = 1
    pair.publish(1, services=services)
    pair.start()
    assert outcome(pair) == GOOD
    pair.upstream.delay_s = 3.0

    late = outcome(pair)
    pair.upstream.released.set()

    assert late == (504, "server.serverproxy.io_error")
    assert outcome(pair) == GOOD
    assert framed_connections(pair) == [True]
