"""A sandbox on real sockets and databases, an upstream that records, and a raw HTTP client."""

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop

T = TypeVar("T")
FREE_PORTS = range(9400, 9600)


def free_port() -> int:
    """Find a port of this plane's range that nobody listens on."""
    for port in FREE_PORTS:
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port
    raise RuntimeError("no free port")


_given: set[int] = set()


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def call(self, coroutine: Coroutine[Any, Any, T], timeout_s: float = 30) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout_s)

    def do(self, function: Callable[[], T]) -> T:
        async def run() -> T:
            return function()

        return self.call(run())

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@dataclass
class Answer:
    """What came back, headers in order."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) < 2, f"{name} came {len(found)} times"
        return found[0] if found else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def read_answer(connection: socket.socket, method: str = "GET") -> Answer:
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    body = response.read()
    return Answer(response.status, response.getheaders(), body)


def exchange_bytes(port: int, data: bytes, *, timeout_s: float = 15) -> bytes:
    """Send bytes, read until the other end closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.sendall(data)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)


def head_bytes(
    method: str, path: str, headers: list[tuple[str, str]], body: bytes | None = None
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: gateway.test"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


def ask(
    port: int,
    method: str,
    path: str,
    headers: list[tuple[str, str]] | None = None,
    body: bytes | None = None,
    *,
    timeout_s: float = 20,
) -> Answer:
    """One request as raw bytes: nothing is normalised on the way."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.sendall(head_bytes(method, path, headers or [], body))
        return read_answer(connection, method)


@dataclass
class Call:
    """A request as the upstream saw it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return found[-1] if found else None


@dataclass
class Upstream:
    """An information system that records what it is asked and answers as told."""

    port: int
    calls: list[Call] = field(default_factory=list)
    responds: dict[str, Any] = field(default_factory=dict)
    delay_s: float = 0.0
    released: threading.Event = field(default_factory=threading.Event)


def _handler(upstream: Upstream) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            call = Call(self.command, self.path, list(self.headers.items()), body)
            upstream.calls.append(call)
            wait = 10.0 if self.path.startswith("/slow") else upstream.delay_s
            if wait:
                upstream.released.wait(wait)
            answer = upstream.responds
            if not answer:
                content = json.dumps(
                    {
                        "method": call.method,
                        "target": call.target,
                        "headers": call.headers,
                        "body": body.decode("latin-1"),
                    }
                ).encode()
                headers = [["Content-Type", "application/json"]]
            else:
                content = body if answer.get("echo_body") else answer.get("body", "").encode()
                headers = answer.get("headers", [])
            self.send_response_only(answer.get("status", 200))
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815
        do_HEAD = do_OPTIONS = do_TRACE = handle_any  # noqa: N815

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    return Handler


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    found = Upstream(free_port())

    class Server(ThreadingHTTPServer):
        allow_reuse_address = True
        daemon_threads = True

        def handle_error(self, *args: object) -> None:
            """A gateway that went away is not an error of the test."""

    server = Server(("127.0.0.1", found.port), _handler(found))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield found
    found.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def loop() -> Iterator[Loop]:
    found = Loop()
    yield found
    found.close()


def wait_until(claim: Callable[[], bool], timeout_s: float = 5.0) -> None:
    end = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


SHARED = Path(__file__).parents[2].parent / "shared" / "data"
