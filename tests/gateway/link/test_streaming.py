"""Large bodies through both nodes: byte for byte, in little memory, and refused with a reason."""

import contextlib
import hashlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.conftest import (
    CONSUMER,
    PROVIDER,
    SERVICE,
    Answer,
    Pair,
    ask,
    free_port,
    head_bytes,
    headers,
    wait_until,
)
from tests.gateway.test_faults import GOOD, outcome
from tests.gateway.test_full_disk import mounted
from tests.gateway.test_link import NODE_SCRIPT, fault_of, signed
from tests.gateway.test_link import send as send_to_link

from pencere.gateway.directory.model import fingerprint_of
from pencere.gateway.link.frames import ALPN, HTTP
from pencere.gateway.node_file import write_node_file
from pencere.gateway.wire import envelope as wire
from pencere.gateway.wire import evidence, head
from pencere.kernel.http.message import Limits

MIB = 1024 * 1024
PIECE = bytes(range(256)) * 256
FRAMED, PLAIN = (ALPN, HTTP), (HTTP,)


class Service:
    """A service that hashes what it gets as it comes, and answers with as much as is asked for.

    The header `x-answer` says how: `count`, `chunked:count`, `slow:count`, `short:count` (a lie).
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.seen: list[tuple[int, str]] = []
        self.hold = threading.Event()
        self.hold.set()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        self.hold.set()
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # Who leaves in the middle leaves the file with bytes that it cannot flush.
        with contextlib.suppress(OSError), connection, connection.makefile("rwb") as file:
            while file.readline():
                self._answer(file)

    def _answer(self, file: Any) -> None:
        given = http.client.parse_headers(file)
        self.hold.wait(20)
        left, digest = int(given["content-length"]), hashlib.sha256()
        size = left
        while left:
            piece = file.read(min(left, MIB))
            if not piece:
                self.seen.append((size - left, "cut"))
                return
            digest.update(piece)
            left -= len(piece)
        self.seen.append((size, digest.hexdigest()))
        kind, _, count = given.get("x-answer", "2").rpartition(":")
        pieces = [PIECE] * (int(count) // len(PIECE)) + [PIECE[: int(count) % len(PIECE)]]
        file.write(b"HTTP/1.1 200 OK\r\n")
        if kind == "chunked":
            file.write(b"Transfer-Encoding: chunked\r\n\r\n")
            for piece in pieces:
                if piece:
                    file.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            file.write(b"0\r\n\r\n")
        elif kind == "short":
            file.write(b"Content-Length: %d\r\n\r\n" % (int(count) + 1))
            for piece in pieces:
                file.write(piece)
            file.flush()
            raise OSError("said more than it has")
        else:
            file.write(b"Content-Length: %d\r\n\r\n" % int(count))
            for at, piece in enumerate(pieces):
                file.write(piece)
                if kind == "slow" and at % 64 == 0:
                    file.flush()
                    time.sleep(0.7)
        file.flush()


@pytest.fixture
def service(pair: Pair) -> Iterator[Service]:
    found = Service()
    url = f"http://127.0.0.1:{found.port}"
    write_node_file(
        pair.folder / "1.json", clients={}, services={"AZ/GOV/mia/population": {"url": url}}
    )
    yield found
    found.close()


def repeated(size: int) -> bytes:
    return (PIECE * (size // len(PIECE) + 1))[:size]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def send(pair: Pair, body: bytes, answer: str = "2", *, timeout_s: float = 30) -> Answer:
    given = [*headers(), ("x-answer", answer)]
    return ask(pair.ports[0], "POST", SERVICE + "/query", given, body, timeout_s=timeout_s)


def nothing_left(pair: Pair) -> bool:
    """Whether no node keeps a file of a body."""
    found = [pair.node(at).core.spools for at in (0, 1)]
    return [(one.in_use, one.files) for one in found] == [(0, 0)] * 2


@pytest.mark.parametrize("protocols", [FRAMED, PLAIN], ids=["framed", "plain"])
@pytest.mark.parametrize("kind", ["", "chunked:"], ids=["length", "chunked"])
def test_32_mib_both_ways_byte_for_byte_and_nothing_stays(
    pair: Pair, service: Service, protocols: tuple[str, ...], kind: str
) -> None:
    pair.start(link_protocols=protocols)
    size = 32 * MIB + 12_345
    body = repeated(size)

    answer = send(pair, body, f"{kind}{size - 1}")

    assert (answer.status, len(answer.body)) == (200, size - 1)
    assert answer.body == body[:-1]
    assert service.seen == [(size, sha256(body))]
    wait_until(lambda: nothing_left(pair))
    digests = [
        pair.rows(
            at,
            "select r.body_digest, r.body_bytes, a.body_digest, a.body_bytes, r.body_sealed"
            " from gateway.request r join gateway.response a using (exchange, side)"
            " order by a.seq desc limit 1",
        )
        for at in (0, 1)
    ]
    expected = (
        hashlib.sha512(body).digest(), size, hashlib.sha512(body[:-1]).digest(), size - 1, None,
    )  # fmt: skip
    assert digests == [[expected], [expected]]
    assert outcome(pair) == GOOD


def resident(pid: int) -> float:
    """Resident memory in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def in_process(pair: Pair, at: int, protocols: tuple[str, ...]) -> "subprocess.Popen[bytes]":
    """A node in a process of its own."""
    config = pair.config(at, link_protocols=list(protocols))
    names = (
        "node", "database_url", "secret", "tls_certificate", "tls_key", "tls_anchors", "node_file",
        "directory_file", "directory_cache", "client_port", "link_port", "link_protocols",
    )  # fmt: skip
    given = {name: getattr(config, name) for name in names}
    text = json.dumps({k: str(v) if isinstance(v, Path) else v for k, v in given.items()})
    process = subprocess.Popen([sys.executable, "-c", NODE_SCRIPT, text])

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", pair.ports[at])) == 0

    wait_until(listens, 20)
    return process


@pytest.mark.parametrize("protocols", [FRAMED, PLAIN], ids=["framed", "plain"])
def test_neither_node_holds_a_large_body_in_memory(
    pair: Pair, service: Service, protocols: tuple[str, ...]
) -> None:
    processes = [in_process(pair, at, protocols) for at in (0, 1)]
    try:
        for _ in range(5):
            assert outcome(pair) == GOOD
        before = [resident(one.pid) for one in processes]
        peak, ended = list(before), threading.Event()

        def watch() -> None:
            while not ended.wait(0.01):
                for at, one in enumerate(processes):
                    peak[at] = max(peak[at], resident(one.pid))

        thread = threading.Thread(target=watch)
        thread.start()
        answer = send(pair, repeated(32 * MIB), str(32 * MIB))
        ended.set()
        thread.join()
    finally:
        for one in processes:
            one.send_signal(signal.SIGTERM)
            one.wait(20)

    assert (answer.status, sha256(answer.body)) == (200, sha256(repeated(32 * MIB)))
    # Twice 32 MiB went through each.
    assert [round(top - low) < 12 for top, low in zip(peak, before, strict=True)] == [True, True]


# Refusals


def test_a_body_beyond_the_limit_is_refused_before_it_comes(pair: Pair, service: Service) -> None:
    pair.start(0)
    given = [*headers(), ("Content-Length", str(2**31))]

    answer = ask(pair.ports[0], "POST", SERVICE + "/query", given)

    found = answer.status, answer.header("X-Road-Error")
    assert found == (413, "server.clientproxy.io_error")


def test_a_body_that_turns_out_too_large_is_refused(pair: Pair, service: Service) -> None:
    pair.start(limits=Limits(body_bytes=3 * MIB))
    chunked = b"Transfer-Encoding: chunked\r\n\r\n" + b"100000\r\n%s\r\n" % bytes(MIB) * 4
    lines = "\r\n".join(f"{name}: {value}" for name, value in headers())
    request = f"POST {SERVICE}/query HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode() + chunked

    with socket.create_connection(("127.0.0.1", pair.ports[0]), timeout=10) as connection:
        connection.sendall(request)
        status = connection.recv(12)
    too_large = send(pair, b"{}", str(4 * MIB))

    assert status == b"HTTP/1.1 413"
    assert (too_large.status, too_large.header("X-Road-Error")) == (
        413,
        "server.serverproxy.io_error",
    )
    assert [size for size, _ in service.seen] == [2]
    wait_until(lambda: nothing_left(pair))


def test_without_room_for_it_a_large_body_is_refused_and_small_ones_go_on(
    pair: Pair, service: Service
) -> None:
    pair.start(0)
    pair.start(1, spool_bytes=4 * MIB)

    request = send(pair, repeated(8 * MIB))
    answer = send(pair, b"{}", str(8 * MIB))
    small = outcome(pair)
    pair.stop(0)
    pair.start(0, spool_bytes=2 * MIB)
    own = send(pair, repeated(3 * MIB))

    assert [
        (one.status, one.header("X-Road-Error"), one.header("Retry-After"))
        for one in (request, answer, own)
    ] == [
        (503, "server.serverproxy.overloaded", "1"),
        (503, "server.serverproxy.overloaded", "1"),
        (503, "server.clientproxy.overloaded", "1"),
    ]
    assert small == GOOD
    wait_until(lambda: nothing_left(pair))
    metrics = ask(pair.ports[0], "GET", "/metrics").body.decode()
    assert "gateway_spool_refusals 1.0" in metrics
    assert "gateway_spool_bytes 0.0" in metrics


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_is_a_refusal_and_not_the_end(pair: Pair, service: Service) -> None:
    disk = pair.folder / "disk"
    if not mounted(disk, 2):
        pytest.skip("a disk cannot be mounted here")
    try:
        pair.start(0, spool_folder=disk, disk_free_bytes=0)
        pair.start(1)
        found = send(pair, repeated(16 * MIB))
        afterwards = outcome(pair)
        wait_until(lambda: nothing_left(pair))
    finally:
        pair.stop()
        subprocess.run(["umount", "-l", str(disk)], check=False)

    assert (found.status, found.header("X-Road-Error")) == (503, "server.clientproxy.overloaded")
    assert afterwards == GOOD
    assert [size for size, _ in service.seen] == [2]


def test_of_a_body_that_was_not_signed_the_service_sees_no_byte(
    pair: Pair, service: Service
) -> None:
    pair.start(1)
    body = repeated(3 * MIB)
    block = signed(pair).head
    good = signed(pair, body=hashlib.sha512(body).digest(), head=hashlib.sha512(block).digest())
    good = good._replace(head=block, body=body)
    changed = good._replace(body=body[:-1] + b"!")

    faults = [fault_of(send_to_link(pair, wire.pack(one))) for one in (changed, good)]

    # The exchange of the good one is signed for another number: only the changed one matters.
    assert faults[0] == "INVALID_SIGNATURE"
    assert service.seen == []
    wait_until(lambda: pair.node(1).core.spools.files == 0)


class HostileProvider:
    """A node that signs one answer and sends another."""

    def __init__(self, pair: Pair, *, is_honest: bool) -> None:
        self._pair, self._is_honest = pair, is_honest
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*map(str, pair.files[1]))
        self.context.load_verify_locations(str(pair.anchors))
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.listener = socket.create_server(("127.0.0.1", pair.link_ports[1]))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            while True:
                connection, _ = self.listener.accept()
                self._serve(connection)
        except OSError:
            return

    def _serve(self, plain: socket.socket) -> None:
        with self.context.wrap_socket(plain, server_side=True) as connection:
            file = connection.makefile("rwb")
            file.readline()
            given = http.client.parse_headers(file)
            request = wire.unpack(file.read(int(given["content-length"])))
            packed = wire.pack(self._answer(request))
            assert isinstance(packed, bytes)
            file.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)
            file.flush()
            connection.recv(1)
            file.close()

    def _answer(self, request: wire.Envelope) -> wire.Envelope:
        key, body = self._pair.keys[1], repeated(3 * MIB)
        values = head.parse_request(request.head).values
        proof = evidence.parse_evidence(request.evidence)
        head_digest, body_digest = head.digest(request.head), head.body_digest(request.body)
        exchange = values[b"x-road-request-id"].decode()
        asked = evidence.Statement(
            "request", exchange, CONSUMER, PROVIDER, proof.certificate, proof.time,
            head_digest, body_digest,
        )  # fmt: skip
        hashed = head.request_hash(head_digest, body_digest).encode()
        block = head.response_bytes(
            200,
            "OK",
            [(b"x-road-request-id", exchange.encode()), (b"x-road-request-hash", hashed)],
        )
        time_ = evidence.format_time(self._pair.clocks[1].now())
        draft = evidence.Statement(
            "response", exchange, PROVIDER, CONSUMER, fingerprint_of(key.certificate), time_,
            head.digest(block), head.body_digest(body), evidence.statement_digest(asked),
        )  # fmt: skip
        [(_, signature)] = evidence.sign([draft], key, draft.certificate, time_)
        sent = body if self._is_honest else body[:-1] + b"!"
        return wire.Envelope(block, sent, signature.to_bytes())


@pytest.mark.parametrize("is_honest", [True, False], ids=["signed", "changed"])
def test_of_an_answer_that_was_not_signed_the_client_sees_no_byte(
    pair: Pair, *, is_honest: bool
) -> None:
    hostile = HostileProvider(pair, is_honest=is_honest)
    try:
        pair.start(0, link_protocols=PLAIN)
        answer = send(pair, b"{}")
    finally:
        hostile.listener.close()

    if is_honest:
        assert (answer.status, answer.body) == (200, repeated(3 * MIB))
    else:
        found = answer.status, answer.header("X-Road-Error"), PIECE[:64] in answer.body
        assert found == (502, "server.clientproxy.invalid_signature", False)
    wait_until(lambda: pair.node(0).core.spools.files == 0)


@pytest.mark.parametrize("protocols", [FRAMED, PLAIN], ids=["framed", "plain"])
def test_a_service_that_has_less_than_it_said_is_a_fault(
    pair: Pair, service: Service, protocols: tuple[str, ...]
) -> None:
    pair.start(link_protocols=protocols)

    answer = send(pair, b"{}", f"short:{4 * MIB}")

    assert (answer.status, answer.header("X-Road-Error")) == (502, "server.serverproxy.io_error")
    wait_until(lambda: nothing_left(pair))


# Who leaves, stops, or is slow


def begun(pair: Pair, size: int, sent: int, answer: str = "2") -> socket.socket:
    """A client that has sent a part of its body."""
    connection = socket.create_connection(("127.0.0.1", pair.ports[0]), timeout=20)
    given = [*headers(), ("x-answer", answer), ("Content-Length", str(size))]
    connection.sendall(head_bytes("POST", SERVICE + "/query", given) + repeated(sent))
    return connection


def test_a_client_that_leaves_half_way_leaves_nothing_behind(pair: Pair, service: Service) -> None:
    pair.start()

    with begun(pair, 8 * MIB, 4 * MIB):
        wait_until(lambda: pair.node(0).core.spools.in_use > 3 * MIB)

    wait_until(lambda: nothing_left(pair))
    assert (len(service.seen), outcome(pair)) == (0, GOOD)


def test_a_client_that_does_not_read_a_large_answer_is_cut_off(
    pair: Pair, service: Service
) -> None:
    pair.start(0, limits=Limits(body_bytes=64 * MIB, write_s=1.0))
    pair.start(1)

    with begun(pair, 2, 2, str(32 * MIB)) as slow:
        wait_until(lambda: pair.node(0).core.spools.in_use >= 32 * MIB, 15)
        wait_until(lambda: nothing_left(pair), 15)
        slow.settimeout(5)
        came = 0
        try:
            while piece := slow.recv(MIB):
                came += len(piece)
        except ConnectionError:
            pass

    assert came < 32 * MIB
    assert outcome(pair) == GOOD


@pytest.mark.parametrize("protocols", [FRAMED, PLAIN], ids=["framed", "plain"])
def test_a_node_that_dies_in_the_middle_is_a_fault_and_leaves_nothing(
    pair: Pair, service: Service, protocols: tuple[str, ...]
) -> None:
    pair.start(0, link_protocols=protocols)
    other = in_process(pair, 1, protocols)
    assert outcome(pair) == GOOD
    service.hold.clear()
    found: list[Answer] = []
    thread = threading.Thread(target=lambda: found.append(send(pair, repeated(16 * MIB))))
    thread.start()
    wait_until(lambda: pair.node(0).core.in_flight == 1, 10)
    time.sleep(0.3)
    other.kill()
    other.wait()
    thread.join()

    assert (found[0].status, found[0].header("X-Road-Error")) == (
        502,
        "server.clientproxy.network_error",
    )
    left = pair.folder / "cache1.spool"
    assert list(left.iterdir()) == []
    wait_until(lambda: pair.node(0).core.spools.files == 0)


def test_small_exchanges_pass_beside_a_large_one(pair: Pair, service: Service) -> None:
    """The large one is on the link while its service does not take it."""
    pair.start()
    found: list[Answer] = []
    thread = threading.Thread(
        target=lambda: found.append(send(pair, repeated(48 * MIB), str(48 * MIB)))
    )
    thread.start()
    wait_until(lambda: pair.node(1).core.spools.in_use > 0, 15)
    small = 0
    slowest = 0.0
    while not found:
        began = time.monotonic()
        assert outcome(pair) == GOOD
        slowest = max(slowest, time.monotonic() - began)
        small += 1
    thread.join()

    assert sha256(found[0].body) == sha256(repeated(48 * MIB))
    assert len(pair.node(1)._link.connections) == 1
    # Many before the large one ended, none of which waited for it.
    assert (small > 5, slowest < 1.0) == (True, True)


def test_a_body_that_moves_has_time_though_the_service_has_little(
    pair: Pair, service: Service
) -> None:
    """The limit of a service is for its silence, not for how much there is to carry."""
    services = pair.payload(1)["services"]
    services[0]["timeout_s"] = 1
    pair.publish(1, services=services)
    pair.start(link_margin_s=1.5)

    given = [*headers(), ("x-answer", f"slow:{16 * MIB}")]
    answer = ask(pair.ports[0], "POST", SERVICE + "/query", given, b"{}")

    assert (answer.status, sha256(answer.body)) == (200, sha256(repeated(16 * MIB)))


def test_what_the_node_answers_itself_takes_no_large_body(pair: Pair) -> None:
    pair.start()
    path = "/r1/AZ/GOV/mia/population/findUsage"

    through = ask(pair.ports[0], "POST", path, headers(), repeated(3 * MIB))
    direct = ask(pair.ports[0], "POST", "/messages" + path, headers(), repeated(3 * MIB))

    assert [(one.status, one.header("X-Road-Error")) for one in (through, direct)] == [
        (413, "server.serverproxy.io_error"),
        (413, "server.clientproxy.io_error"),
    ]
    wait_until(lambda: nothing_left(pair))
