"""HTTP/1.1 server: a protocol on httptools callbacks.

Answers leave in the order of their requests, however many are pipelined. A caller that is too
slow, too large, or malformed gets one clear answer where one is possible, and is cut off.
The sweep once a second sees to every deadline, so that no message needs a timer of its own.
"""

import asyncio
import contextlib
import logging
import ssl
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Protocol

import httptools

from pencere.kernel.http.answer import render
from pencere.kernel.http.message import Headers, Limits, Request

log = logging.getLogger(__name__)


class Respond(Protocol):
    """Answers a request."""

    def __call__(self, status: int, headers: Headers, body: bytes, reason: str = "", /) -> None:
        """Answer, once; a second answer is ignored, and so is one to a caller who left."""


Handler = Callable[[Request, Respond], None]
# How a refusal of the server itself is worded: status and message to headers and body.
Refusal = Callable[[int, str], tuple[int, Headers, bytes]]
# Who the peer of a TLS connection is; an empty name cuts the connection.
Admit = Callable[[ssl.SSLObject], str]


# Of the headers that say how a request is framed: host, expect, content-length.
_FRAMING_LENGTHS = frozenset({4, 6, 14})


class _Phase(Enum):
    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    BUSY = "busy"


class HttpServer:
    """One listening socket and its connections."""

    connection: "type[Connection]"

    def __init__(
        self, handler: Handler, refusal: Refusal, limits: Limits, admit: Admit | None = None
    ) -> None:
        self.handler = handler
        self.refusal = refusal
        self.limits = limits
        self.admit = admit
        self.connections: set[Connection] = set()
        self.is_draining = False
        self._emptied = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None

    async def start(
        self, host: str, port: int, tls: ssl.SSLContext | None = None, *,
        is_port_shared: bool = False,
    ) -> tuple[str, int]:  # fmt: skip
        """Listen; return the address (port 0 picks one). Other processes may share the port."""
        loop = asyncio.get_running_loop()
        self._server = await self.listen(host, port, tls, is_port_shared=is_port_shared)
        self._sweep = loop.call_later(1.0, self._on_sweep, loop)
        address = self._server.sockets[0].getsockname()
        return str(address[0]), int(address[1])

    async def listen(
        self, host: str, port: int, tls: ssl.SSLContext | None, *, is_port_shared: bool
    ) -> asyncio.Server:
        """Open the socket; who has another kind of connection says so here."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            lambda: self.connection(self, loop),
            host,
            port,
            backlog=1024,
            reuse_address=True,
            reuse_port=is_port_shared or None,
            ssl=tls,
            ssl_handshake_timeout=10.0 if tls else None,
        )

    async def stop(self, grace_s: float) -> None:
        """Take no more, answer what is in work, close; after `grace_s` cut what is left."""
        self.is_draining = True
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.close_when_idle()
        await self._wait_empty(grace_s)
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in list(self.connections):
            connection.cut("stopping")
        await self._wait_empty(1.0)

    async def _wait_empty(self, wait_s: float) -> None:
        self._emptied = asyncio.Event()
        if self.connections:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._emptied.wait()

    def forget(self, connection: "Connection") -> None:
        """Take note that a connection ended."""
        self.connections.discard(connection)
        if not self.connections:
            self._emptied.set()

    def _on_sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in list(self.connections):
            connection.check_deadline(now)
        self._sweep = loop.call_later(1.0, self._on_sweep, loop)


class Connection(asyncio.Protocol):
    """One caller. httptools calls the `on_*` methods from inside `data_received`."""

    def __init__(self, server: HttpServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._limits = server.limits
        self._head_limit = server.limits.head_bytes
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._queue: deque[tuple[Request, bool]] = deque()
        self._current: object | None = None
        self._phase = _Phase.IDLE
        self._deadline = loop.time() + self._limits.head_s
        self._refusal: tuple[int, str] | None = None
        self._is_closing = False
        self._is_reading_paused = False
        self._is_write_paused = False
        self._half_closed = False
        self._fed_head = 0
        self._reset()

    def _reset(self) -> None:
        self._url = b""
        self._headers: Headers = []
        self._head_bytes = 0
        self._chunks: list[bytes] = []
        self._body_bytes = 0

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bind the connection to its peer, or refuse it."""
        # uvloop's transports are asyncio.Transport in all but ancestry.
        self._transport = transport  # type: ignore[assignment]
        assert self._transport is not None  # noqa: S101  # for the type checker
        if len(self._server.connections) >= self._limits.connections or self._server.is_draining:
            self._transport.abort()
            return
        if self._server.admit is not None:
            self._peer = self._server.admit(transport.get_extra_info("ssl_object"))
            if not self._peer:
                self._transport.abort()
                return
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the caller; what is in work goes on and is logged."""
        self._server.forget(self)
        self._transport = None
        self._is_closing = True
        self._queue.clear()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; a refusal waits its turn behind earlier answers."""
        if self._is_closing or self._refusal is not None:
            return
        in_head_before = self._phase is _Phase.HEAD
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400, "protocol upgrades are not spoken here")
        except httptools.HttpParserCallbackError:
            if self._refusal is None:
                log.exception("http_callback_failed")
                self._refuse(500, "the node failed on this request")
        except httptools.HttpParserError as problem:
            self._refuse(400, f"not HTTP/1.1: {problem}")
        if self._phase is _Phase.HEAD:
            # A header that never ends shows only in what was fed, not in callbacks.
            self._fed_head = self._fed_head + len(data) if in_head_before else 0
            if self._fed_head > self._limits.head_bytes:
                self._refuse(431, "the head of the request is larger than this node takes")
        self._next()

    def eof_received(self) -> bool:
        """Half-closed: answer what was asked, then close."""
        self._half_closed = True
        return self._current is not None or bool(self._queue)

    def pause_writing(self) -> None:
        """The caller does not read; start nothing more for it."""
        self._is_write_paused = True
        self._deadline = self._loop.time() + self._limits.write_s

    def resume_writing(self) -> None:
        """The caller reads again."""
        self._is_write_paused = False
        self._set_idle_or_busy()
        self._next()

    # httptools

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._reset()
        self._fed_head = 0
        self._phase = _Phase.HEAD
        if self._current is None:
            self._deadline = self._loop.time() + self._limits.head_s

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._url += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; a trailer is dropped: behind the head's checks it could say who asks."""
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self._head_limit:
            self._stop_parsing(431, "the head of the request is larger than this node takes")
        if self._phase is not _Phase.BODY:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Look at the head before any of the body is taken."""
        self._phase = _Phase.BODY
        if self._current is None:
            self._deadline = self._loop.time() + self._limits.body_s
        if self._parser.should_upgrade():
            # The parser would take the body for the other protocol's bytes and lose it.
            self._stop_parsing(400, "protocol upgrades are not spoken here")
        if len(self._headers) > self._limits.header_count:
            self._stop_parsing(431, "the request has more headers than this node takes")
        hosts = self._look_at_framing()
        if hosts > 1 or (hosts == 0 and self._parser.get_http_version() == "1.1"):
            self._stop_parsing(400, "exactly one Host header is needed")

    def _look_at_framing(self) -> int:
        """Refuse a body that is too large before it comes; return how many hosts are named."""
        hosts = 0
        for name, value in self._headers:
            if len(name) not in _FRAMING_LENGTHS:
                continue
            lower = name.lower()
            if lower == b"content-length" and value.isdigit():
                if len(value) > 18 or int(value) > self.largest_body(self._url):
                    self._stop_parsing(413, self._too_large())
            elif lower == b"host":
                hosts += 1
            elif lower == b"expect" and value.lower() == b"100-continue":
                self._continue()
        return hosts

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body_bytes += len(body)
        if self._body_bytes > self.largest_body(self._url):
            self._stop_parsing(413, self._too_large())
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        """Put the request in the queue."""
        request = Request(
            self._parser.get_method().decode("latin-1"),
            self._url.decode("latin-1"),
            self._headers,
            b"".join(self._chunks),
            self._peer,
        )
        self._queue.append((request, self._parser.should_keep_alive()))
        self._reset()
        self._phase = _Phase.IDLE
        if len(self._queue) >= self._limits.pipelined and self._transport is not None:
            self._transport.pause_reading()
            self._is_reading_paused = True

    # Answering

    def _next(self) -> None:
        if self._current is not None or self._is_closing or self._is_write_paused:
            return
        if not self._queue:
            if self._refusal is not None:
                self._send_refusal()
            elif self._half_closed:
                self._close()
            return
        request, keep_alive = self._queue.popleft()
        if self._is_reading_paused and self._transport is not None:
            self._is_reading_paused = False
            self._transport.resume_reading()
        token = object()
        self._current = token

        def respond(status: int, headers: Headers, body: bytes, reason: str = "", /) -> None:
            self._respond(token, request.method, keep_alive, status, headers, body, reason)

        try:
            self._server.handler(request, respond)
        except Exception:
            log.exception("http_handler_failed")
            respond(*self._server.refusal(500, "the node failed on this request"))

    def _respond(  # noqa: PLR0913, PLR0917
        self, token: object, method: str, keep_alive: bool, status: int, headers: Headers,
        body: bytes, reason: str,
    ) -> None:  # fmt: skip
        if self._current is not token:
            return
        self._current = None
        if self._is_closing or self._transport is None:
            return
        is_last = not keep_alive or self._server.is_draining
        self._transport.write(
            render(status, reason, headers, body, is_head=method == "HEAD", is_last=is_last)
        )
        self._set_idle_or_busy()
        if is_last:
            self._close()
        else:
            self._loop.call_soon(self._next) if self._queue else self._next()

    def _set_idle_or_busy(self) -> None:
        limits = self._limits
        if self._is_write_paused:
            wait = limits.write_s  # what was just written found no reader
        elif self._phase is _Phase.HEAD:
            wait = limits.head_s
        elif self._phase is _Phase.BODY:
            wait = limits.body_s
        else:
            wait = limits.idle_s
        self._deadline = self._loop.time() + wait

    def _refuse(self, status: int, message: str) -> None:
        if self._refusal is None:
            self._refusal = (status, message)
        self._phase = _Phase.IDLE

    def _stop_parsing(self, status: int, message: str) -> None:
        self._refuse(status, message)
        raise ValueError(message)  # ends feed_data; never seen outside of it

    def _send_refusal(self) -> None:
        assert self._refusal is not None  # noqa: S101  # for the type checker
        status, headers, body = self._server.refusal(*self._refusal)
        if self._transport is not None:
            self._transport.write(render(status, "", headers, body, is_head=False, is_last=True))
        self._close()

    def _continue(self) -> None:
        if self._transport is not None and self._current is None and self._refusal is None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.head_bytes:
            self._stop_parsing(431, "the head of the request is larger than this node takes")

    def _too_large(self) -> str:
        return (
            "Message size exceeds maximum loggable size:"
            f" a body may have {self.largest_body(self._url)} bytes"
        )

    @property
    def is_between_messages(self) -> bool:
        """Whether nothing is in work and the next byte begins a request."""
        return (
            self._phase is _Phase.IDLE
            and self._current is None
            and not self._queue
            and self._refusal is None
            and not self._is_closing
            and not self._is_write_paused
        )

    def largest_body(self, target: bytes) -> int:
        """Return how many bytes of body a request for `target` may have."""
        del target  # the same for all, here
        return self._limits.body_bytes

    # Ending

    def check_deadline(self, now: float) -> None:
        """Cut a caller that keeps the node waiting."""
        if now < self._deadline or self._is_closing:
            return
        if self._is_write_paused:
            self.cut("slow_reader")
        elif self._current is None and not self._queue:
            if self._phase is _Phase.IDLE:
                self._close()
            else:
                self._refuse(408, "the request did not arrive in time")
                self._send_refusal()

    def close_when_idle(self) -> None:
        """Close now when nothing is in work; `_respond` closes later otherwise."""
        if self._current is None and not self._queue:
            self._close()

    def cut(self, reason: str) -> None:
        """Close without waiting."""
        log.info("http_connection_cut reason=%s", reason)
        self._is_closing = True
        if self._transport is not None:
            self._transport.abort()

    def _close(self) -> None:
        self._is_closing = True
        if self._transport is not None:
            self._transport.close()


HttpServer.connection = Connection
