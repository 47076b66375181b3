"""Services that do not keep to HTTP, and clients that keep the node waiting."""

import socket
import threading
from collections.abc import Iterator

import pytest
from tests.gateway.conftest import SERVICE, Pair, head_bytes, headers, read_answer, wait_until
from tests.gateway.test_faults import GOOD, outcome

from pencere.gateway.node_file import write_node_file
from pencere.kernel.http.message import Limits

POPULATION = "AZ/GOV/mia/population"
IO_ERROR = (502, "server.serverproxy.io_error")
LIES = {
    "too short": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", IO_ERROR),
    "no end of chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n", IO_ERROR,
    ),
    "a chunk that is no number": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nshort\r\n0\r\n\r\n", IO_ERROR,
    ),
    "a chunk longer than it says": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nshort\r\n0\r\n\r\n", IO_ERROR,
    ),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nshort", IO_ERROR,
    ),
    "length and chunks": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nshort",
        IO_ERROR,
    ),
    "no HTTP": (b"220 mail.example ESMTP\r\n", IO_ERROR),
    "nothing": (b"", IO_ERROR),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-", IO_ERROR),
    "a head without end": (
        b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 400_000, (413, "server.serverproxy.io_error"),
    ),
    "a switch of protocols": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        IO_ERROR,
    ),
}  # fmt: skip


class Liar:
    """A service that sends the same bytes to whoever connects, and ends."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.answer = b""
        self.calls = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                if not connection.recv(65536):
                    continue
                self.calls += 1
                try:
                    connection.sendall(self.answer)
                    connection.shutdown(socket.SHUT_WR)
                    connection.settimeout(2)
                    connection.recv(1)
                except OSError:
                    continue

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def liar(pair: Pair) -> Iterator[Liar]:
    found = Liar()
    url = f"http://127.0.0.1:{found.port}"
    write_node_file(pair.folder / "1.json", clients={}, services={POPULATION: {"url": url}})
    yield found
    pair.stop()
    found.close()


@pytest.mark.parametrize(("answer", "expected"), LIES.values(), ids=LIES)
def test_a_service_that_lies_gets_no_client_a_false_answer(
    pair: Pair, liar: Liar, answer: bytes, expected: tuple[int, str]
) -> None:
    liar.answer = answer
    pair.start()

    assert (outcome(pair), liar.calls) == (expected, 1)


def test_what_comes_behind_a_complete_answer_is_nobodys_answer(pair: Pair, liar: Liar) -> None:
    liar.answer = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    )
    pair.start()

    bodies = [pair.ask().body for _ in range(3)]

    assert (bodies, liar.calls) == ([b"good"] * 3, 3)


def test_a_client_that_drips_its_body_is_cut_off_and_holds_up_nobody(pair: Pair) -> None:
    pair.start(1)
    pair.start(0, limits=Limits(body_s=1.0))
    head = head_bytes("POST", SERVICE + "/query", headers())[:-2]

    with socket.create_connection(("127.0.0.1", pair.ports[0]), timeout=10) as slow:
        slow.sendall(head + b"Content-Length: 100\r\n\r\n{")
        meanwhile = outcome(pair)
        answer = read_answer(slow)

    assert (meanwhile, answer.status) == (GOOD, 408)
    assert len(pair.upstream.calls) == 1


def test_a_client_that_left_in_the_middle_of_its_body_has_no_effect(pair: Pair) -> None:
    pair.start()
    head = head_bytes("POST", SERVICE + "/query", headers())[:-2]

    with socket.create_connection(("127.0.0.1", pair.ports[0]), timeout=10) as half:
        half.sendall(head + b"Content-Length: 100\r\n\r\n{")
        half.shutdown(socket.SHUT_WR)
        assert half.recv(1) == b""

    assert outcome(pair) == GOOD
    assert len(pair.upstream.calls) == 1


def test_a_client_that_does_not_read_its_answers_is_cut_off(pair: Pair) -> None:
    pair.start(1)
    pair.start(0, limits=Limits(write_s=1.0))
    pair.upstream.responds = {"body": "a" * 8_000_000}

    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", pair.ports[0]))
        deaf.sendall(head_bytes("POST", SERVICE + "/query", headers(), b"{}"))
        clients = pair.node(0)._clients
        wait_until(lambda: len(pair.upstream.calls) == 1)
        wait_until(lambda: len(clients.connections) == 0, 10)
