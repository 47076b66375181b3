"""Several nodes of one member: who is asked, who is passed over, and what is never sent twice."""

import os
import threading
from typing import Any

import pytest
from tests.gateway.conftest import PROVIDER, Pair, free_port, headers, wait_until
from tests.gateway.test_faults import GOOD

from pencere.gateway.node import Node
from pencere.gateway.throwaway import make_key

SECOND = "AZ/GOV/azintelecom/node2"


class Cluster:
    """The pair, and a second node of the provider."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        key = make_key(SECOND, pair.clocks[1])
        certificate, file = key.write(pair.folder, "node2")
        pair.anchors.write_bytes(pair.anchors.read_bytes() + certificate.read_bytes())
        self.port = free_port()
        nodes = pair.payload(1)["nodes"]
        nodes.append(
            {
                "id": SECOND,
                "name": "azintelecom",
                "address": f"127.0.0.1:{self.port}",
                "serves": nodes[1]["serves"],
                "certificates": [key.entry("tls"), key.entry("sign")],
            }
        )
        nodes[1]["name"] = "azintelecom"
        pair.publish(1, nodes=nodes)
        self._values: dict[str, Any] = {
            "node": SECOND,
            "signer": key,
            "tls_certificate": certificate,
            "tls_key": file,
            "link_port": self.port,
            "client_port": free_port(),
            "directory_cache": pair.folder / "cache2.jws",
        }
        self.second: Node | None = None

    def start_second(self) -> None:
        async def make() -> Node:
            node = Node(self.pair.config(1, **self._values))
            await node.start()
            return node

        self.second = self.pair.loop.call(make())

    def stop_second(self) -> None:
        node, self.second = self.second, None
        if node is not None:
            self.pair.loop.call(node.stop())

    def ask(self, **more: str) -> tuple[tuple[int, str | None], str]:
        """What came, and the exchange."""
        extra = [(name.replace("_", "-"), value) for name, value in more.items()]
        answer = self.pair.ask([*headers(), *extra])
        exchange = answer.header("x-road-request-id") or ""
        return (answer.status, answer.header("X-Road-Error")), exchange

    def peer_of(self, exchange: str) -> str:
        query = f"select peer from gateway.request where exchange = '{exchange}'"
        return str(self.pair.rows(0, query)[0][0])


@pytest.fixture
def cluster(pair: Pair) -> Any:
    found = Cluster(pair)
    yield found
    pair.upstream.released.set()
    found.stop_second()


def test_nodes_take_turns_and_a_client_may_name_one(cluster: Cluster) -> None:
    cluster.pair.start()
    cluster.start_second()

    asked = [cluster.ask() for _ in range(6)]
    named = [cluster.ask(X_Road_Security_Server=SECOND) for _ in range(3)]

    assert {outcome for outcome, _ in asked + named} == {GOOD}
    peers = [cluster.peer_of(exchange) for _, exchange in asked]
    assert (peers.count(PROVIDER), peers.count(SECOND)) == (3, 3)
    assert [cluster.peer_of(exchange) for _, exchange in named] == [SECOND] * 3


def test_who_cannot_be_reached_is_passed_over_and_returns(cluster: Cluster) -> None:
    cluster.pair.start()

    message = f"m-{os.urandom(8).hex()}"
    asked = [cluster.ask(X_Road_Id=message) for _ in range(6)]

    assert [outcome for outcome, _ in asked] == [GOOD] * 6
    assert len(cluster.pair.upstream.calls) == 6
    # Each attempt is an exchange of its own, with its end; after the first the node is shunned.
    rows = cluster.pair.rows(
        0,
        "select r.peer, s.outcome, s.fault from gateway.request r join gateway.response s"
        f" using (exchange, side) where message_id = '{message}' order by r.recorded_at",
    )
    failed = [row for row in rows if row[1] != "answered"]
    assert {row[0] for row in rows if row[1] == "answered"} == {PROVIDER}
    assert failed == [(SECOND, "fault", "server.clientproxy.network_error")]

    cluster.start_second()
    wait_until(lambda: cluster.peer_of(cluster.ask()[1]) == SECOND, 10)


def test_a_named_node_that_is_away_is_not_replaced(cluster: Cluster) -> None:
    cluster.pair.start()

    outcome, _ = cluster.ask(X_Road_Security_Server=SECOND)

    assert outcome == (502, "server.clientproxy.network_error")
    assert cluster.pair.upstream.calls == []


def test_what_a_node_may_have_begun_is_not_sent_to_another(cluster: Cluster) -> None:
    pair = cluster.pair
    pair.start()
    cluster.start_second()
    pair.upstream.delay_s = 5.0
    found: list[tuple[int, str | None]] = []
    thread = threading.Thread(target=lambda: found.append(cluster.ask()[0]))
    thread.start()
    wait_until(lambda: len(pair.upstream.calls) == 1)

    def cut() -> None:
        for node in (pair.node(1), cluster.second):
            assert node is not None
            for connection in list(node._link.connections):
                connection.cut("test")

    pair.loop.do(cut)
    thread.join()

    assert found == [(502, "server.clientproxy.network_error")]
    assert len(pair.upstream.calls) == 1


def test_a_node_that_stops_under_load_costs_no_client_an_answer(cluster: Cluster) -> None:
    pair = cluster.pair
    pair.start()
    cluster.start_second()
    found: list[tuple[int, str | None]] = []
    is_over = threading.Event()

    def load() -> None:
        while not is_over.is_set():
            found.append(cluster.ask()[0])

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(found) > 20)
    cluster.stop_second()
    so_far = len(found)
    wait_until(lambda: len(found) > so_far + 20)
    cluster.start_second()
    so_far = len(found)
    wait_until(lambda: len(found) > so_far + 20, 10)
    is_over.set()
    for thread in threads:
        thread.join()

    assert set(found) == {GOOD}
    assert len(pair.upstream.calls) == len(found)
