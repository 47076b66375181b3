"""A node in operation: keys that change, certificates that are revoked, clocks, records, load."""

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.gateway.conftest import (
    CONSUMER,
    PROVIDER,
    Pair,
    ask,
    free_port,
    headers,
    wait_until,
)
from tests.servers import serving

from pencere.gateway.directory.model import fingerprint_of
from pencere.gateway.keys import KeyPair
from pencere.gateway.node import Node
from pencere.gateway.node_file import write_node_file
from pencere.gateway.throwaway import ThrowawayKey, make_key
from pencere.gateway.wire.faults import Side
from pencere.kernel.errors import Refused, Unavailable

OPERATOR = [("Pencere-Operator-Key", "key-of-the-operator")]
TRACE = "0af7651916cd43dd8448eb211c80319c"


class Box:
    """Keys of a node in memory; the register is the test's directory."""

    def __init__(self, pair: Pair, at: int) -> None:
        self.pair, self.at = pair, at
        self.next: ThrowawayKey | None = None
        self.told: list[Any] = []
        self.name = (CONSUMER, PROVIDER)[at]

    def made(self) -> ThrowawayKey:
        """Make the key before it is asked for, so that both nodes' anchors have it."""
        if self.next is None:
            self.next = make_key(f"{self.name} 2", self.pair.clocks[self.at])
            pem, _ = self.next.write(self.pair.folder, f"next{self.at}")
            self.pair.anchors.write_bytes(self.pair.anchors.read_bytes() + pem.read_bytes())
            self.is_prepared = False
        return self.next

    def _pair(self) -> KeyPair:
        key, folder = self.made(), self.pair.folder
        return KeyPair(key, folder / f"next{self.at}.crt", folder / f"next{self.at}.key")

    def following(self) -> KeyPair | None:
        return self._pair() if self.is_prepared else None

    def prepare(self) -> KeyPair:
        self.told.append("prepare")
        self.is_prepared = True
        return self._pair()

    def announce(self, pair: KeyPair) -> None:
        self.told.append("announce")

    def adopt(self, pair: KeyPair) -> None:
        self.told.append("adopt")

    def retire(self, fingerprint: str) -> None:
        self.told.append(f"retire {fingerprint[:8]}")


def start(pair: Pair, at: int, box: Box | None = None, **changes: Any) -> Node:
    async def make() -> Node:
        node = Node(pair.config(at, **changes), box)
        if node.renewer is not None:
            node.renewer.every_s = 0.05
        await node.start()
        return node

    node = pair.loop.call(make())
    pair.nodes[at] = node
    return node


def later(pair: Pair, by: timedelta) -> None:
    for clock in pair.clocks:
        clock.advance(by)


def health(pair: Pair, at: int = 0) -> dict[str, tuple[bool, str]]:
    checks = ask(pair.ports[at], "GET", "/healthz").json["checks"]
    return {check["name"]: (check["ok"], check["detail"]) for check in checks}


def with_operator(pair: Pair, at: int) -> None:
    write_node_file(
        pair.folder / f"{at}.json",
        clients={"AZ/GOV/idda/portal": "key-of-the-portal"} if at == 0 else {},
        services={}
        if at == 0
        else {
            "AZ/GOV/mia/population": {
                "url": f"http://127.0.0.1:{pair.upstream.port}", "bearer": "x",
            }
        },
        operators={"test": "key-of-the-operator"},
    )  # fmt: skip


# Keys


@pytest.mark.parametrize("at", [0, 1], ids=["consumer", "provider"])
def test_a_key_renews_without_a_restart_and_without_a_dropped_request(pair: Pair, at: int) -> None:
    box = Box(pair, at)
    box.made()
    start(pair, at, box)
    start(pair, 1 - at)
    old = pair.node(at).core.fingerprint
    later(pair, timedelta(days=242))  # of 366: more than a third is left
    pair.publish(2)
    wait_until(lambda: pair.version(0) == pair.version(1) == 2)
    assert pair.ask().status == 200
    assert box.told == []

    later(pair, timedelta(days=2))
    pair.publish(3)
    wait_until(lambda: "announce" in box.told)
    wait_until(lambda: pair.version(0) == pair.version(1) == 3)
    assert box.told[:2] == ["prepare", "announce"]
    assert pair.node(at).core.fingerprint == old
    assert "due for renewal" in health(pair, at)["certificate"][1]

    statuses: list[int] = []
    stopping = threading.Event()

    def load() -> None:
        while not stopping.is_set():
            statuses.append(pair.ask().status)

    with ThreadPoolExecutor(3) as callers:
        for _ in range(3):
            callers.submit(load)
        nodes = pair.payload(4)["nodes"]
        nodes[at]["certificates"] += [box.made().entry("tls"), box.made().entry("sign")]
        pair.publish(4, nodes=nodes)
        wait_until(lambda: pair.version(0) == pair.version(1) == 4)
        announced = len(box.told)
        wait_until(lambda: len(statuses) > 10)
        assert (pair.node(at).core.fingerprint, len(box.told)) == (old, announced)
        for _ in range(6):  # in steps that what is on its way survives
            later(pair, timedelta(minutes=1))
            time.sleep(0.1)
        wait_until(lambda: pair.node(at).core.fingerprint != old)
        count = len(statuses)
        wait_until(lambda: len(statuses) > count + 20, 20)
        stopping.set()
    assert Counter(statuses) == {200: len(statuses)}
    assert "adopt" in box.told
    side = ("consumer", "provider")[at]
    table = ("request", "response")[at]
    used = pair.rows(
        at,
        f"select certificate from gateway.{table} where side = '{side}' order by seq desc limit 1",
    )
    assert used == [(bytes.fromhex(fingerprint_of(box.made().certificate)),)]

    # The old one leaves when nothing signed with it can be on its way; connections show the new.
    later(pair, timedelta(minutes=31))
    pair.publish(5, nodes=nodes)
    wait_until(lambda: f"retire {old[:8]}" in box.told)
    nodes[at]["certificates"] = nodes[at]["certificates"][2:]
    pair.publish(6, nodes=nodes)
    wait_until(lambda: pair.version(0) == pair.version(1) == 6)
    assert pair.ask().status == 200


def test_a_node_tells_the_register_the_key_of_its_ledger_until_the_directory_names_it(
    pair: Pair,
) -> None:
    class Telling(Box):
        def following(self) -> KeyPair | None:
            return None

        def name_ledger(self, origin: str, key: bytes) -> None:
            self.told.append(f"{origin} {base64.b64encode(key).decode()}")

    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    file = pair.folder / "ledger.pem"
    file.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    box = Telling(pair, 1)
    start(pair, 1, box, ledger_origin="pencere.az/x", ledger_key=file)
    said = f"pencere.az/x {base64.b64encode(der).decode()}"

    wait_until(lambda: box.told == [said])
    later(pair, timedelta(minutes=6))
    wait_until(lambda: box.told == [said] * 2)
    nodes = pair.payload(2)["nodes"]
    nodes[1]["ledger"] = {"origin": "pencere.az/x", "key": base64.b64encode(der).decode()}
    pair.publish(2, nodes=nodes)
    wait_until(lambda: pair.version(1) == 2)
    later(pair, timedelta(minutes=6))
    time.sleep(0.3)
    assert box.told == [said] * 2


def test_a_node_that_joined_tells_the_register_what_was_asked_of_it(pair: Pair) -> None:
    class Counting(Box):
        is_away = True

        def following(self) -> KeyPair | None:
            return None

        def report_traffic(self, first: date, last: date, counts: list[dict[str, Any]]) -> None:
            if self.is_away:
                self.is_away = False
                raise Unavailable("register.unavailable")
            answered = [one for one in counts if one["outcome"] == "answered"]
            self.told.append((last - first).days if answered else "nothing")

    box = Counting(pair, 1)
    start(pair, 0)
    assert pair.ask().status != 200  # its node is not there
    start(pair, 1, box, traffic_every_s=0.1)
    assert pair.ask().status == 200

    wait_until(lambda: len(box.told) >= 3)
    assert (box.told[0] in {31, "nothing"}, box.told[-1]) == (True, 2)


def test_a_renewal_that_fails_is_said_and_tried_again(pair: Pair) -> None:
    class Away(Box):
        is_away = True

        def prepare(self) -> KeyPair:
            if self.is_away:
                raise Unavailable("register.unavailable")
            return super().prepare()

    box = Away(pair, 0)
    box.made()
    start(pair, 0, box)
    start(pair, 1)
    later(pair, timedelta(days=300))
    pair.publish(2)
    wait_until(lambda: "register.unavailable" in health(pair)["certificate"][1])
    wait_until(lambda: pair.version(1) == 2)
    assert pair.ask().status == 200
    box.is_away = False
    wait_until(lambda: box.told[:2] == ["prepare", "announce"])


# Revocation


def test_a_certificate_that_the_directory_lists_as_revoked_is_believed_no_more(pair: Pair) -> None:
    pair.start()
    assert pair.ask().status == 200
    pair.publish(2, revoked=[fingerprint_of(pair.keys[1].certificate)], to=(0,))
    wait_until(lambda: pair.version(0) == 2)
    assert pair.ask().status != 200
    pair.publish(3, revoked=[fingerprint_of(pair.keys[0].certificate)], to=(1,))
    pair.publish(3, to=(0,))
    wait_until(lambda: pair.version(0) == pair.version(1) == 3)
    assert pair.ask().status != 200
    pair.publish(4)
    wait_until(lambda: pair.version(0) == pair.version(1) == 4)
    assert pair.ask().status == 200


class Responder:
    """Says what the centre would; a test turns it."""

    def __init__(self) -> None:
        self.revoked: set[int] = set()
        self.is_away = False
        self.asked = 0

    def __call__(self, certificate: x509.Certificate) -> None:
        self.asked += 1
        if self.is_away:
            raise Unavailable("ocsp.unavailable")
        if certificate.serial_number in self.revoked:
            raise Refused("certificate.revoked")


def asked(pair: Pair, responder: Responder) -> None:
    """Wait for the node's own first look."""
    wait_until(lambda: responder.asked == 2)
    wait_until(lambda: pair.ask().status == 200)


def look(pair: Pair, at: int) -> None:
    status = pair.node(at).status
    assert status is not None
    pair.loop.call(status.look())


def test_a_node_asks_for_itself_and_a_revoked_peer_is_refused_until_it_is_good_again(
    pair: Pair,
) -> None:
    responder = Responder()
    start(pair, 0)
    start(pair, 1, check_status=responder)
    asked(pair, responder)
    look(pair, 1)
    assert pair.ask().status == 200
    assert responder.asked == 2  # answers are kept

    responder.revoked.add(pair.keys[0].certificate.serial_number)
    look(pair, 1)
    assert pair.ask().status == 200  # the answer is fresh still
    pair.clocks[1].advance(timedelta(minutes=5))
    pair.clocks[0].advance(timedelta(minutes=5))
    look(pair, 1)
    calls = len(pair.upstream.calls)
    assert pair.ask().status != 200
    look(pair, 1)  # what is refused stays refused
    assert pair.ask().status != 200
    assert len(pair.upstream.calls) == calls


@pytest.mark.parametrize("limit", [None, timedelta(minutes=30)], ids=["no limit", "half an hour"])
def test_how_long_a_node_goes_on_without_a_responder_is_a_setting(
    pair: Pair, limit: timedelta | None
) -> None:
    responder = Responder()
    start(pair, 0)
    start(pair, 1, check_status=responder, revocation_limit=limit)
    asked(pair, responder)
    responder.is_away = True
    later(pair, timedelta(minutes=29))
    look(pair, 1)
    assert pair.ask().status == 200
    assert "ocsp.unavailable" in health(pair, 1)["peer-status"][1]
    later(pair, timedelta(minutes=2))
    look(pair, 1)
    assert (pair.ask().status == 200) == (limit is None)
    responder.is_away = False
    look(pair, 1)
    wait_until(lambda: pair.ask().status == 200)


# Clocks


def test_a_node_whose_clock_is_wrong_learns_it_from_its_peers_and_says_so(pair: Pair) -> None:
    pair.start()
    pair.clocks[0].advance(timedelta(seconds=-100))
    assert pair.ask().status == 200
    is_right, told = health(pair)["clock"]
    assert (is_right, told.startswith("+100.0 s")) == (False, True)
    pair.clocks[0].advance(timedelta(seconds=100))
    assert pair.ask().status == 200
    assert health(pair)["clock"][0]


# Records and traces


def records(pair: Pair, at: int, query: str = "limit=1000") -> list[dict[str, Any]]:
    answer = ask(pair.ports[at], "GET", f"/monitoring/records?{query}", OPERATOR)
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.json["records"]
    return found


def flush(pair: Pair) -> None:
    for at in (0, 1):
        found = pair.node(at).core.observer.records
        assert found is not None
        pair.loop.call(found.flush())


def test_both_sides_keep_a_record_of_an_exchange_and_none_names_a_person(pair: Pair) -> None:
    with_operator(pair, 0)
    with_operator(pair, 1)
    pair.start()
    trace = [
        ("traceparent", f"00-{TRACE}-b7ad6b7169203331-01"),
        ("tracestate", "congo=t61rcWkgMzE"),
    ]
    assert pair.ask(headers(represented="GOV/mia") + trace).status == 200
    assert pair.ask(headers(purpose="other")).status == 403
    flush(pair)
    client, server = (records(pair, at)[-2:] for at in (0, 1))
    answered = next(one for one in client if one["succeeded"])
    other = next(one for one in server if one["xRequestId"] == answered["xRequestId"])
    for one, kind in ((answered, "Client"), (other, "Producer")):
        assert (
            one["securityServerType"], one["clientSubsystemCode"], one["serviceSubsystemCode"],
            one["serviceCode"], one["restMethod"], one["statusCode"], one["traceId"],
            one["representedPartyCode"], one["requestSize"],
        ) == (kind, "portal", "population", "person", "POST", 200, TRACE, "mia", 2)  # fmt: skip
        assert one["requestInTs"] <= one["responseOutTs"]
    refused = next(one for one in client if not one["succeeded"])
    assert (refused["statusCode"], refused["faultCode"]) == (
        403, "server.serverproxy.access_denied",
    )  # fmt: skip
    assert "5KQ2R7A" not in json.dumps(client + server)

    found = next(
        call for call in reversed(pair.upstream.calls) if call.header("traceparent") is not None
    )
    parent = found.header("traceparent") or ""
    assert parent.split("-")[1] == TRACE
    assert found.header("tracestate") == "congo=t61rcWkgMzE"


def test_records_are_read_in_pages_and_only_with_the_operators_key(pair: Pair) -> None:
    with_operator(pair, 0)
    pair.start()
    for _ in range(3):
        assert pair.ask().status == 200
    flush(pair)
    every = records(pair, 0)
    first = ask(pair.ports[0], "GET", "/monitoring/records?limit=2", OPERATOR).json
    assert [one["id"] for one in first["records"]] == [one["id"] for one in every[:2]]
    rest = records(pair, 0, f"after={first['next']}&limit=1000")
    assert [one["id"] for one in rest] == [one["id"] for one in every[2:]]
    for path, given, status in (
        ("records", [], 401),
        ("records", [("Pencere-Operator-Key", "wrong")], 401),
        ("records?limit=5000", OPERATOR, 400),
        ("records?from=yesterday", OPERATOR, 400),
        ("nothing", OPERATOR, 400),
    ):
        assert ask(pair.ports[0], "GET", f"/monitoring/{path}", given).status == status


def test_health_of_services_and_counts_of_a_day_come_from_what_happened(pair: Pair) -> None:
    with_operator(pair, 1)
    pair.start()
    before = traffic(pair)
    for _ in range(2):
        assert pair.ask().status == 200
    flush(pair)
    after = traffic(pair)
    key = ("AZ/GOV/idda/portal", "AZ/GOV/mia/population/person", "answered")
    assert after[key] - before[key] == 2
    found = ask(pair.ports[1], "GET", "/monitoring/health?minutes=60", OPERATOR).json["services"]
    (one,) = [one for one in found if (one["side"], one["service"]) == ("provider", key[1])]
    assert one["succeeded"] >= 2
    assert one["min_ms"] <= one["avg_ms"] <= one["max_ms"]
    assert one["last_success"] is not None


def traffic(pair: Pair) -> Counter[tuple[str, str, str]]:
    answer = ask(pair.ports[1], "GET", "/monitoring/traffic", OPERATOR)
    assert answer.status == 200, answer.body
    rows = answer.json["traffic"]
    return Counter(
        {(one["consumer"], one["service"], one["outcome"]): one["count"] for one in rows}
    )


@pytest.fixture
def collector() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    taken: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            taken.extend(body["resourceSpans"][0]["scopeSpans"][0]["spans"])
            self.send_response_only(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as port:
        yield port, taken


def test_spans_reach_a_collector_and_hang_together(
    pair: Pair, collector: tuple[int, list[dict[str, Any]]]
) -> None:
    port, taken = collector
    pair.start(otlp_url=f"http://127.0.0.1:{port}/v1/traces")
    parent = "b7ad6b7169203331"
    assert pair.ask([*headers(), ("traceparent", f"00-{TRACE}-{parent}-01")]).status == 200
    assert pair.ask([*headers(), ("traceparent", f"00-{TRACE}-{parent}-00")]).status == 200
    for at in (0, 1):
        spans = pair.node(at).core.observer.spans
        assert spans is not None
        pair.loop.call(spans.flush())
    assert len(taken) == 2  # one was not to be sampled
    consumer, provider = sorted(taken, key=lambda one: one["name"])
    assert [one["traceId"] for one in taken] == [TRACE, TRACE]
    assert (consumer["parentSpanId"], provider["parentSpanId"]) == (parent, consumer["spanId"])


def test_a_collector_that_is_away_costs_nothing_but_its_spans(pair: Pair) -> None:
    pair.start(otlp_url=f"http://127.0.0.1:{free_port()}/v1/traces")
    spans = pair.node(0).core.observer.spans
    assert spans is not None
    spans._limit = 3
    for _ in range(5):
        assert pair.ask().status == 200
    assert spans.dropped == 2
    assert b"gateway_spans_dropped 2.0" in ask(pair.ports[0], "GET", "/metrics").body


# Load


def test_one_client_cannot_take_the_whole_node(pair: Pair) -> None:
    pair.start(in_flight=8, share=4)
    pair.upstream.delay_s = 2.0
    with ThreadPoolExecutor(12) as callers:
        waiting = [callers.submit(pair.ask) for _ in range(12)]
        wait_until(lambda: sum(one.done() for one in waiting) == 8)
        assert pair.node(0).core.in_flight == 4
        pair.upstream.released.set()
        answers = [one.result() for one in waiting]
    assert Counter(one.status for one in answers) == {200: 4, 503: 8}
    refused = next(one for one in answers if one.status == 503)
    assert refused.header("Retry-After") == "1"
    assert "its share" in refused.json["message"]
    assert pair.ask().status == 200
    assert pair.node(0).core.shares.held(Side.CLIENT, "AZ/GOV/idda/portal") == 0


def test_ten_times_too_much_is_refused_early_and_memory_stays_where_it_was(pair: Pair) -> None:
    pair.start(in_flight=20, share=20)
    body = b"x" * 50_000
    pair.upstream.delay_s = 0.02
    with ThreadPoolExecutor(40) as callers:
        before = _resident()
        answers = list(callers.map(lambda _: pair.ask(body=body), range(400)))
        grown = _resident() - before
    told = Counter(one.status for one in answers)
    assert set(told) == {200, 503}
    assert told[200] > 20
    assert {one.header("Retry-After") for one in answers if one.status == 503} == {"1"}
    assert grown < 64 * 1024 * 1024
    for at in (0, 1):
        wait_until(lambda at=at: pair.node(at).core.in_flight == 0)  # type: ignore[misc]
    pair.upstream.delay_s = 0.0
    assert pair.ask().status == 200


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * 4096
