"""The TLS listener for machines: HTTP/1.1 over TLS 1.2 and 1.3, handing requests to an ASGI app.

Granian does not tell an application which certificate the other side showed, and EST lives on
that; so this small server does, in the form of the ASGI TLS extension. It serves little, and
bounds everything: heads, bodies, times, connections.
"""

import asyncio
import contextlib
import logging
import ssl
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httptools
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool

from pencere.trust.acme.nonces import forget_used
from pencere.trust.server import acme, est
from pencere.trust.server.machines import Machines, OwnCertificate

log = logging.getLogger(__name__)

LARGEST_HEAD = 32_768
LARGEST_BODY = 131_072
MOST_CONNECTIONS = 256
HANDSHAKE_S = 10.0
REQUEST_S = 20.0
ANSWER_S = 60.0
# How much of a body, and how long, a machine that was refused may send on, to be told so.
LINGER_BYTES = 16 * 1024 * 1024
LINGER_S = 5.0
UPKEEP_S = 10.0
RENEWAL_LOOK_S = 3600.0
# TLS 1.2 with forward secrecy and authenticated encryption only (RFC 9325 section 4.2).
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"

_App = Callable[[Any, Any, Any], Awaitable[None]]


def create_machine_app(machines: Machines) -> Starlette:
    """Return the application behind the listener."""
    app = Starlette(routes=[*acme.routes, *est.routes])
    app.state.machines = machines
    return app


@dataclass
class _Head:
    """One request while it is read; httptools calls the methods."""

    method: str = ""
    target: bytes = b""
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    head_done: bool = False
    done: bool = False
    too_large: bool = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.head_done = True

    def on_body(self, body: bytes) -> None:
        self.body += body
        self.too_large = len(self.body) > LARGEST_BODY

    def on_message_complete(self) -> None:
        self.done = True


class _Refusal(Exception):  # noqa: N818 -- a status, not an error of ours
    def __init__(self, status: int) -> None:
        self.status = status


class TlsListener:
    """Serves machines in a thread with a loop of its own.

    Challenges are tried, orders that a stop interrupted are finished, and the listener's own
    certificate is renewed here too.
    """

    def __init__(self, machines: Machines) -> None:
        self._machines = machines
        self._own = OwnCertificate(machines.config, machines.issuance)
        self._context = _context(machines)
        self._name = ""
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self.failure: str | None = "not started"

    def start(self) -> None:
        """Start the thread; return when it listens, or could not."""
        self._thread = threading.Thread(target=self._run, name="trust-tls", daemon=True)
        self._thread.start()
        self._ready.wait(15)

    def stop(self, timeout_s: float = 10.0) -> None:
        """End the thread."""
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join(timeout_s)

    def check(self) -> dict[str, object]:
        """Return the line of a health report."""
        is_alive = self._thread is not None and self._thread.is_alive()
        if self.failure is None and is_alive:
            ends = self._own.ends(self._name).not_valid_after_utc
            ok = ends > self._machines.clock.now()
            return {"name": "machines", "ok": ok, "detail": f"certificate until {ends:%Y-%m-%d}"}
        return {"name": "machines", "ok": False, "detail": self.failure or "not running"}

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception as error:
            self.failure = type(error).__name__
            log.exception("machines_stopped")
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await run_in_threadpool(self._renew)
        app = create_machine_app(self._machines)

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(app, reader, writer)

        config = self._machines.config
        server = await asyncio.start_server(
            connected,
            config.address,
            config.port,
            ssl=self._context,
            ssl_handshake_timeout=HANDSHAKE_S,
            limit=LARGEST_HEAD,
        )
        tasks = [
            asyncio.create_task(self._machines.validations.run()),
            asyncio.create_task(self._keep_up()),
        ]
        self.failure = None
        self._ready.set()
        log.info("machines_listening port=%d", config.port)
        try:
            await self._stop.wait()
        finally:
            server.close()
            for writer in self._open:
                writer.transport.abort()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if serving := [task for task in self._open.values() if task is not None]:
                await asyncio.wait(serving, timeout=2)

    async def _keep_up(self) -> None:
        next_look = asyncio.get_running_loop().time() + RENEWAL_LOOK_S
        while True:
            try:
                await run_in_threadpool(self._machines.enrolment.resume)
                await run_in_threadpool(self._forget)
                if asyncio.get_running_loop().time() >= next_look:
                    next_look += RENEWAL_LOOK_S
                    await run_in_threadpool(self._renew)
            except Exception as error:
                log.warning("machines_upkeep_failed error=%s", type(error).__name__)
            await asyncio.sleep(UPKEEP_S)

    def _forget(self) -> None:
        with self._machines.connect() as connection:
            forget_used(connection, at=self._machines.clock.now())

    def _renew(self) -> None:
        name = self._own.ensure(self._machines.enrolment.signer)
        if name != self._name:
            self._own.load(self._context, name)
            self._name = name

    async def _serve(
        self, app: _App, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._open[writer] = asyncio.current_task()
        try:
            if len(self._open) > MOST_CONNECTIONS:
                return
            scope = _connection_scope(writer)
            while await self._exchange(app, scope, reader, writer):
                pass
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the other side went away or was too slow
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
                async with asyncio.timeout(2):
                    await writer.wait_closed()
            self._open.pop(writer, None)

    async def _exchange(
        self,
        app: _App,
        connection: dict[str, Any],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Read one request and answer it; say whether another may follow."""
        try:
            async with asyncio.timeout(REQUEST_S):
                read = await _read_request(reader)
        except _Refusal as refusal:
            writer.write(_head(refusal.status, [(b"content-length", b"0")], keep=False))
            # A body may come from anybody in good faith; a head twice too large does not.
            await _let_end(reader, writer, LINGER_BYTES if refusal.status == 413 else LARGEST_HEAD)
            return False
        if read is None:
            return False
        head, keep = read
        async with asyncio.timeout(ANSWER_S):
            status, fields, body = await _ask(app, {**connection, **_scope(head)}, head)
            fields = [one for one in fields if one[0] != b"content-length"]
            length = str(len(body)).encode()
            if status != 204:
                fields.append((b"content-length", length))
            shown = b"" if head.method == "HEAD" else body
            writer.write(_head(status, fields, keep=keep) + shown)
            await writer.drain()
        return keep


async def _read_request(reader: asyncio.StreamReader) -> tuple[_Head, bool] | None:
    head, read = _Head(), 0
    parser = httptools.HttpRequestParser(head)
    while not head.done:
        piece = await reader.read(16_384)
        if not piece:
            return None
        read += len(piece)
        try:
            parser.feed_data(piece)
        except httptools.HttpParserError as error:
            raise _Refusal(400) from error
        if not head.head_done and read > LARGEST_HEAD:
            raise _Refusal(431)
        if head.too_large:
            raise _Refusal(413)
    head.method = parser.get_method().decode("ascii")
    return head, bool(parser.should_keep_alive())


async def _let_end(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most_bytes: int
) -> None:
    """Drop what a refused machine still sends: who is cut off meanwhile does not see why.

    RFC 9112 section 9.6.
    """
    left = most_bytes
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            await writer.drain()
            while left > 0:
                piece = await reader.read(65_536)
                if not piece:
                    return
                left -= len(piece)
    writer.transport.abort()


async def _ask(
    app: _App, scope: dict[str, Any], head: _Head
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    status, fields, body = 500, [(b"content-length", b"0")], bytearray()
    is_given = False

    async def receive() -> dict[str, Any]:
        nonlocal is_given
        if is_given:
            return {"type": "http.disconnect"}
        is_given = True
        return {"type": "http.request", "body": bytes(head.body), "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status, fields
        if message["type"] == "http.response.start":
            status = message["status"]
            fields = [(bytes(name), bytes(value)) for name, value in message["headers"]]
        elif message["type"] == "http.response.body":
            body.extend(message.get("body", b""))

    try:
        await app(scope, receive, send)
    except Exception:
        log.exception("machines_answer_failed")
        return 500, [], b""
    return status, fields, bytes(body)


def _scope(head: _Head) -> dict[str, Any]:
    path, _, query = head.target.partition(b"?")
    return {
        "method": head.method,
        "path": unquote(path.decode("latin-1")),
        "raw_path": path,
        "query_string": query,
        "headers": head.fields,
    }


def _connection_scope(writer: asyncio.StreamWriter) -> dict[str, Any]:
    link: ssl.SSLObject = writer.get_extra_info("ssl_object")
    shown = link.getpeercert(binary_form=True)
    chain = []
    if shown:
        pem = x509.load_der_x509_certificate(shown).public_bytes(Encoding.PEM)
        chain.append(pem.decode("ascii"))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "https",
        "root_path": "",
        "client": writer.get_extra_info("peername")[:2],
        "server": writer.get_extra_info("sockname")[:2],
        "extensions": {"tls": {"client_cert_chain": chain}},
    }


def _head(status: int, fields: list[tuple[bytes, bytes]], *, keep: bool) -> bytes:
    lines = [f"HTTP/1.1 {status} \r\n".encode()]
    lines += [name + b": " + value + b"\r\n" for name, value in fields]
    if not keep:
        lines.append(b"connection: close\r\n")
    return b"".join(lines) + b"\r\n"


def _context(machines: Machines) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    # A certificate is asked for and need not be shown; one that is not ours ends the handshake.
    context.verify_mode = ssl.CERT_OPTIONAL
    anchors = [machines.root, *machines.enrolment.chain()]
    pem = b"".join(one.public_bytes(Encoding.PEM) for one in anchors)
    context.load_verify_locations(cadata=pem.decode("ascii"))
    return context
