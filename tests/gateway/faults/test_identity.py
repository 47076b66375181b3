"""Two processes of one identity: the second carries nothing until the first is gone."""

import os
import signal
import threading

from tests.gateway.conftest import Answer, Pair, ask, free_port, headers, wait_until
from tests.gateway.test_link import _run_node

from pencere.gateway.node import Node


def told(answer: Answer) -> tuple[int, str | None]:
    return answer.status, answer.header("X-Road-Error")


def check(port: int) -> tuple[int, list[str]]:
    health = ask(port, "GET", "/healthz")
    return health.status, [one["name"] for one in health.json["checks"] if not one["ok"]]


def test_a_second_process_of_one_node_waits_and_ends_nothing_of_the_first(pair: Pair) -> None:
    pair.start()
    pair.upstream.delay_s = 10.0
    first: list[Answer] = []
    thread = threading.Thread(target=lambda: first.append(pair.ask()))
    thread.start()
    wait_until(lambda: len(pair.upstream.calls) == 1)
    port = free_port()

    async def twin() -> Node:
        node = Node(pair.config(0, client_port=port, link_port=free_port()))
        await node.start()
        return node

    second = pair.loop.call(twin())
    try:
        given = [("POST", "/r1/AZ/GOV/mia/population/person/query"), headers(), b"{}"]
        assert told(ask(port, *given[0], *given[1:])) == (  # type: ignore[arg-type]
            503,
            "server.clientproxy.logging_failed",
        )
        assert check(port) == (503, ["identity"])
        assert check(pair.ports[0])[0] == 200
        pair.upstream.released.set()
        thread.join()
        assert first[0].status == 200
        number = first[0].header("x-road-request-id")
        ends = f"select outcome from gateway.response where exchange = '{number}'"
        assert [pair.rows(at, ends) for at in (0, 1)] == [[("answered",)], [("answered",)]]

        pair.stop(0)
        wait_until(lambda: check(port)[0] == 200)
        pair.upstream.delay_s = 0.0
        assert ask(port, *given[0], *given[1:]).status == 200  # type: ignore[arg-type]
    finally:
        pair.upstream.released.set()
        pair.loop.call(second.stop())


def test_who_was_killed_makes_room_at_once(pair: Pair) -> None:
    pair.start(0)
    killed = _run_node(pair, 1)
    assert pair.ask().status == 200
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()

    pair.start(1)

    wait_until(lambda: pair.ask().status == 200)
