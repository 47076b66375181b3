"""A sandbox on real sockets and databases, an upstream that records, and a raw HTTP client."""

import asyncio
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
import uvloop
from tests.conftest import Database, Postgres
from tests.ports import free_port
from tests.servers import serving

from pencere.gateway.config import NodeConfig
from pencere.gateway.node import Node
from pencere.gateway.node_file import write_node_file
from pencere.gateway.throwaway import DirectoryKey, make_key
from pencere.kernel.clock import FixedClock, SystemClock
from pencere.ops.databases import close_to_strangers
from pencere.ops.databases import make_database as create_database

T = TypeVar("T")


class Loop:
    """An event loop in a thread of its own.

    One for the whole run: closing a uvloop waits for handles that a killed peer never lets go.
    """

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

    def clear(self) -> None:
        """End what a test left running."""

        async def cancel() -> None:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

        self.call(cancel())


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

    return Handler


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    found = Upstream(free_port())
    with serving(_handler(found), port=found.port):
        yield found
        found.released.set()


@pytest.fixture(scope="session")
def _loop() -> Loop:
    return Loop()


@pytest.fixture
def loop(_loop: Loop) -> Iterator[Loop]:
    yield _loop
    _loop.clear()


def wait_until(claim: Callable[[], bool], timeout_s: float = 80.0) -> None:
    end = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


SHARED = Path(__file__).parents[2].parent / "shared" / "data"


PERSON = "5KQ2R7A"
OTHER_PERSON = "6ABCD12"
CLIENT_KEY = "key-of-the-portal"
CONSUMER, PROVIDER = "AZ/GOV/idda/node", "AZ/GOV/azintelecom/node"
SERVICE = "/r1/AZ/GOV/mia/population/person"


def headers(**changes: str | None) -> list[tuple[str, str]]:
    """The headers of a complete request; `purpose=None` leaves one out."""
    values: dict[str, str | None] = {
        "client": "AZ/GOV/idda/portal",
        "key": CLIENT_KEY,
        "user": f"AZ{PERSON}",
        "purpose": "identify",
        "basis": "personal-data-law",
        "case": "2026-000123",
        "person": PERSON,
    }
    names = {
        "client": "X-Road-Client",
        "key": "Pencere-Client-Key",
        "user": "X-Road-UserId",
        "purpose": "Pencere-Purpose",
        "basis": "Pencere-Legal-Basis",
        "case": "Pencere-Case",
        "person": "Pencere-Person",
        "represented": "X-Road-Represented-Party",
    }
    values |= changes
    return [(names[key], value) for key, value in values.items() if value is not None]


class Pair:
    """Two nodes with a directory, clocks and databases that a test may spoil."""

    def __init__(
        self, folder: Path, loop: Loop, upstream: Upstream, databases: tuple[Any, Any]
    ) -> None:
        self.folder, self.loop, self.upstream, self.databases = folder, loop, upstream, databases
        now = SystemClock().now()
        self.clocks = (FixedClock(now), FixedClock(now))
        self.keys = (make_key(CONSUMER, self.clocks[0]), make_key(PROVIDER, self.clocks[1]))
        self.directory_key = DirectoryKey()
        self.link_ports = (free_port(), free_port())
        self.changes: dict[str, Any] = {}
        self.nodes: list[Node | None] = [None, None]
        self.ports = [free_port(), free_port()]
        self.files = [key.write(folder, f"node{at}") for at, key in enumerate(self.keys)]
        self.anchors = folder / "anchors.pem"
        self.anchors.write_bytes(b"".join(crt.read_bytes() for crt, _ in self.files))
        write_node_file(folder / "0.json", clients={"AZ/GOV/idda/portal": CLIENT_KEY}, services={})
        url = f"http://127.0.0.1:{upstream.port}"
        write_node_file(
            folder / "1.json",
            clients={},
            services={"AZ/GOV/mia/population": {"url": url, "bearer": "secret-of-registers"}},
        )
        self.publish(1)

    def payload(self, version: int) -> dict[str, Any]:
        now = self.clocks[0].now()
        agreement = {
            "consumer": "AZ/GOV/idda/portal",
            "endpoints": [["POST", "/query"], ["GET", "/records/*"]],
            "purposes": ["identify"],
            "legal_bases": ["personal-data-law"],
            "from": "2026-01-01",
            "until": "2027-12-31",
        }
        population = "AZ/GOV/mia/population"
        payload = {
            "format": "pencere-directory/1",
            "instance": "AZ",
            "version": version,
            "issued_at": now.isoformat(),
            "expires_at": (now + timedelta(hours=24)).isoformat(),
            "members": [
                {"id": "AZ/GOV/idda", "name": {"az": "İRİA"}, "subsystems": [{"code": "portal"}]},
                {"id": "AZ/GOV/mia", "name": {"az": "DİN"}, "subsystems": [{"code": "population"}]},
            ],
            "nodes": [
                {
                    "id": name,
                    "address": f"127.0.0.1:{self.link_ports[at]}",
                    "serves": [("AZ/GOV/idda/portal", population)[at]],
                    "certificates": [self.keys[at].entry("tls"), self.keys[at].entry("sign")],
                }
                for at, name in enumerate((CONSUMER, PROVIDER))
            ],
            "services": [
                {
                    "id": f"{population}/person",
                    "type": "REST",
                    "endpoints": [["POST", "/query"]],
                    "demands": ["purpose", "legal-basis", "case", "person", "user"],
                    "timeout_s": 5,
                }
            ],
            "agreements": [
                {"id": "a-1", "service": f"{population}/person", **agreement},
                {
                    "id": "a-2",
                    "service": f"{population}/findUsage",
                    **agreement,
                    "endpoints": [["POST", "**"]],
                },
            ],
        }
        return payload | self.changes

    def publish(self, version: int, *, to: tuple[int, ...] = (0, 1), **changes: Any) -> None:
        """Write a directory for the nodes named; they look once a second."""
        payload = self.payload(version) | changes
        for at in to:
            file = self.folder / f"directory{at}.jws"
            temporary = file.with_suffix(".new")
            temporary.write_text(self.directory_key.sign(payload), encoding="ascii")
            temporary.replace(file)

    def config(self, at: int, **changes: Any) -> NodeConfig:
        values: dict[str, Any] = {
            "node": (CONSUMER, PROVIDER)[at],
            "database_url": self.databases[at].app,
            "secret": f"secret of node {at}",
            "signer": self.keys[at],
            "tls_certificate": self.files[at][0],
            "tls_key": self.files[at][1],
            "tls_anchors": self.anchors,
            "node_file": self.folder / f"{at}.json",
            "directory_file": self.folder / f"directory{at}.jws",
            "directory_cache": self.folder / f"cache{at}.jws",
            "verify_directory": self.directory_key.verify,
            "client_port": self.ports[at],
            "link_port": self.link_ports[at],
            "clock": self.clocks[at],
            "grace_s": 3.0,
        }
        return NodeConfig(**(values | changes))

    def start(self, *which: int, **changes: Any) -> None:
        async def make(at: int) -> None:
            node = Node(self.config(at, **changes))
            self.nodes[at] = node
            await node.start()

        for at in which or (0, 1):
            self.loop.call(make(at))

    def stop(self, *which: int) -> None:
        for at in which or (0, 1):
            node, self.nodes[at] = self.nodes[at], None
            if node is not None:
                self.loop.call(node.stop())

    def node(self, at: int) -> Node:
        found = self.nodes[at]
        assert found is not None
        return found

    def version(self, at: int) -> int:
        directory = self.node(at).core.directory.newest
        return directory.version if directory else 0

    def ask(
        self, given: list[tuple[str, str]] | None = None, body: bytes = b"{}", path: str = "/query"
    ) -> Answer:
        return ask(
            self.ports[0], "POST", SERVICE + path, headers() if given is None else given, body
        )

    def rows(self, at: int, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.databases[at].superuser) as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture(scope="session")
def databases(
    postgres: Postgres, _templates: Callable[[str], str]
) -> Iterator[tuple[Database, Database]]:
    """The two databases of the run: a log is only ever added to, so tests can share it."""
    made = []
    for kind in ("gateway_portal", "gateway_agencies"):
        name = f"{kind}_{os.getpid()}_shared"
        with psycopg.connect(postgres.superuser_url(), autocommit=True) as server:
            create_database(server, name, owner=f"{kind}_owner", template=_templates(kind))
        with psycopg.connect(postgres.superuser_url(name), autocommit=True) as inside:
            close_to_strangers(inside, name, app=f"{kind}_app")

        def url(user: Any, kind: str = kind, name: str = name) -> str:
            whole = postgres.installation.database_url(kind, user)
            return whole.replace(f"/{kind}?", f"/{name}?")

        made.append(Database(name, url("owner"), url("app"), postgres.superuser_url(name)))
    yield made[0], made[1]
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as server:
        for one in made:
            server.execute(f'drop database "{one.name}" with (force)'.encode())


@pytest.fixture
def pair(
    tmp_path: Path, loop: Loop, upstream: Upstream, databases: tuple[Database, Database]
) -> Iterator[Pair]:
    found = Pair(tmp_path, loop, upstream, databases)
    yield found
    upstream.released.set()
    found.stop()
