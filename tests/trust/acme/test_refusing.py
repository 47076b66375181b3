"""The TLS listener tells who sends too much, and lets nobody send for ever."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.trust.acme.client import Client, signed
from tests.trust.acme.listener import Listener

from pencere.trust.server.tls import LINGER_BYTES

MIB = 1024 * 1024
# What two sockets of the system may hold of what nobody reads.
BUFFERS = 64 * MIB


@contextmanager
def linked(listener: Listener) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=listener.anchors)
    port = listener.machines.config.port
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as link,
    ):
        yield link


def post(size: int) -> bytes:
    return (
        "POST /acme/new-order HTTP/1.1\r\nHost: t\r\nContent-Type: application/jose+json\r\n"
        f"Content-Length: {size}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (post(5 * MIB) + bytes(5 * MIB), 413),
        (b"GET / HTTP/1.1\r\nHost: t\r\nX: " + b"a" * 60_000 + b"\r\n\r\n", 431),
        (b"no request at all\r\n" * 2_000, 400),
    ],
    ids=["body", "head", "noise"],
)
def test_who_looks_at_the_answer_when_all_is_sent_reads_the_refusal_in_full(
    listener: Listener, request_bytes: bytes, status: int
) -> None:
    with linked(listener) as link:
        link.sendall(request_bytes)
        said = link.recv(65_536)

    assert said == f"HTTP/1.1 {status} \r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()


def test_who_never_stops_sending_is_cut_off_and_others_are_served(
    listener: Listener, resident: Client
) -> None:
    sent = 0
    with linked(listener) as link:
        link.sendall(post(10**12))
        try:
            while sent < 8 * LINGER_BYTES:
                sent += link.send(bytes(65_536))
        except OSError:
            pass

    assert sent < LINGER_BYTES + BUFFERS
    assert signed(resident, "newOrder", {}).status_code == 400
