"""Who is refused while it still sends reads why, and cannot send for ever. RFC 9112 section 9.6."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pencere.gateway.http.spool_cipher import SpoolCipher
from pencere.kernel.http.message import Headers, Limits, Request
from pencere.kernel.http.server import HttpServer, Respond
from pencere.kernel.http.spool import Spools

MIB = 1024 * 1024
LIMITS = Limits(body_bytes=MIB, stream_bytes=MIB // 4, linger_bytes=8 * MIB)
FRAMINGS = {
    "length": (b"Content-Length: %d\r\n\r\n" % (5 * MIB), bytes(5 * MIB)),
    "chunked": (
        b"Transfer-Encoding: chunked\r\n\r\n",
        (b"100000\r\n" + bytes(MIB) + b"\r\n") * 5 + b"0\r\n\r\n",
    ),
}
# What two sockets of the system may hold of what nobody reads.
BUFFERS = 64 * MIB


def worded(status: int, message: str) -> tuple[int, Headers, bytes]:
    return status, [], message.encode()


def answered(request: Request, respond: Respond) -> None:
    respond(200, [], b"all of it")


@asynccontextmanager
async def served(
    spools: Spools | None, handler: Callable[[Request, Respond], None] = answered
) -> AsyncIterator[int]:
    server = HttpServer(handler, worded, LIMITS)
    server.spools = spools
    _, port = await server.start("127.0.0.1", 0)
    try:
        yield port
    finally:
        await server.stop(1)


@pytest.fixture(params=["memory", "spooled"])
def spools(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Spools | None]:
    if request.param == "memory":
        yield None
        return
    made = Spools(tmp_path, SpoolCipher, limit=64 * MIB)
    yield made
    made.stop()


def send_all_then_read(port: int, request: bytes) -> bytes:
    """Do as simple clients do: look at the answer when everything is sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def send_until_cut(port: int, head: bytes) -> int:
    """Send without end; return how many bytes went before the connection was cut."""
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head)
        try:
            while sent < 16 * LIMITS.linger_bytes:
                sent += connection.send(bytes(65_536))
        except ConnectionError:
            pass
    return sent


@pytest.mark.parametrize("framing", FRAMINGS)
def test_who_sends_five_times_the_limit_reads_the_refusal_in_full(
    spools: Spools | None, framing: str
) -> None:
    fields, body = FRAMINGS[framing]
    request = b"POST / HTTP/1.1\r\nHost: t\r\n" + fields + body

    async def whole() -> bytes:
        async with served(spools) as port:
            return await asyncio.to_thread(send_all_then_read, port, request)

    head, _, said = asyncio.run(whole()).partition(b"\r\n\r\n")

    assert head.split(b"\r\n")[0] == b"HTTP/1.1 413 Request Entity Too Large"
    assert said == b"Message size exceeds maximum loggable size: a body may have 1048576 bytes"


def test_a_head_that_is_too_large_is_refused_in_words_too() -> None:
    request = (
        b"GET / HTTP/1.1\r\nHost: t\r\nX: " + b"a" * (2 * LIMITS.head_bytes - 1000) + b"\r\n\r\n"
    )

    async def whole() -> bytes:
        async with served(None) as port:
            return await asyncio.to_thread(send_all_then_read, port, request)

    head, _, said = asyncio.run(whole()).partition(b"\r\n\r\n")

    assert head.split(b"\r\n")[0] == b"HTTP/1.1 431 Request Header Fields Too Large"
    assert said == b"the head of the request is larger than this node takes"


def test_who_never_stops_sending_is_cut_off(spools: Spools | None) -> None:
    head = b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 999999999999\r\n\r\n"

    async def whole() -> int:
        async with served(spools) as port:
            return await asyncio.to_thread(send_until_cut, port, head)

    assert asyncio.run(whole()) < LIMITS.linger_bytes + BUFFERS


def test_behind_an_answer_in_work_a_refusal_is_not_sent_to_for_ever() -> None:
    waiting: list[Respond] = []
    head = (
        b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"
        b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 999999999999\r\n\r\n"
    )

    async def whole() -> tuple[int, bytes]:
        async with served(None, lambda _, respond: waiting.append(respond)) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head)
            sent = 0
            try:
                while sent < 16 * LIMITS.linger_bytes:
                    writer.write(bytes(65_536))
                    async with asyncio.timeout(0.5):  # the server has long stopped reading
                        await writer.drain()
                    sent += 65_536
            except TimeoutError:
                pass
            waiting[0](200, [], b"first")
            first = await reader.readuntil(b"first")
            writer.transport.abort()
            return sent, first.split(b"\r\n")[0]

    sent, first = asyncio.run(whole())
    assert (sent < LIMITS.linger_bytes + BUFFERS, first) == (True, b"HTTP/1.1 200 OK")
