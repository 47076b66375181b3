"""HTTP/1.1 server: a protocol on httptools callbacks.

Answers leave in the order of their requests, however many are pipelined. A caller that is too
slow, too large, or malformed gets one clear answer where one is possible, and is cut off.
With spools, a large body arrives into a file and leaves from one: reading pauses while the disk
is behind, writing while the caller is.
The sweep once a second sees to every deadline, so that no message needs a timer of its own.
"""

import asyncio
import contextlib
import logging
import ssl
import sys
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Protocol

import httptools

from pencere.kernel.http import body as bodies
from pencere.kernel.http.answer import BODILESS, render
from pencere.kernel.http.body import Body, BodyGone, Stream
from pencere.kernel.http.message import Headers, Limits, Request
from pencere.kernel.http.spool import Span, Spool, SpoolRefused, Spools

log = logging.getLogger(__name__)


class Respond(Protocol):
    """Answers a request."""

    def __call__(
        self, status: int, headers: Headers, body: bytes | Body | Stream, reason: str = "", /
    ) -> None:
        """Answer, once; a second answer is ignored, and so is one to a caller who left.

        A body that is not bytes is closed when it was sent, or cannot be.
        """


Handler = Callable[[Request, Respond], None]
# How a refusal of the server itself is worded: status and message to headers and body.
Refusal = Callable[[int, str], tuple[int, Headers, bytes]]
# Who the peer of a TLS connection is; an empty name cuts the connection.
Admit = Callable[[ssl.SSLObject], str]


# Of the headers that say how a request is framed: host, expect, content-length.
_FRAMING_LENGTHS = frozenset({4, 6, 14})
# Who sends a large body has `body_s` for each part of it of this size.
_PACE_BYTES = 1024 * 1024
# How long a caller that is refused may go on sending, to be told so.
_LINGER_S = 5.0


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
        self.spools: Spools | None = None
        # Which bytes of a large body its digest is of.
        self.span: Span | None = None
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
        self._stream_bytes = self._limits.stream_bytes if server.spools else sys.maxsize
        self._sending: _Sending | None = None
        self._lingers_until: float | None = None
        self._reset()

    def _reset(self) -> None:
        self._url = b""
        self._headers: Headers = []
        self._head_bytes = 0
        self._chunks: list[bytes] = []
        self._body_bytes = 0
        self._spool: Spool | None = None
        self._paced = 0

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
        self._drop_spool()
        if self._sending is not None:
            self._sending.body.close()
            self._sending = None
        for request, _ in self._queue:
            bodies.close(request.body)
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
        if self._sending is not None:
            self._send_on()
        else:
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
                if int(value) > self._stream_bytes:
                    self._check_room(int(value))
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
        if self._spool is not None:
            self._to_spool(self._spool, body)
            return
        self._chunks.append(body)
        if self._body_bytes > self._stream_bytes:
            self._begin_spool()

    # Large bodies in

    def _check_room(self, size: int) -> None:
        spools = self._server.spools
        try:
            if spools is not None:
                spools.check(size)
        except SpoolRefused as problem:
            self._stop_parsing(503, str(problem))

    def _begin_spool(self) -> None:
        assert self._server.spools is not None  # noqa: S101  # else the limit is never passed
        begun = b"".join(self._chunks)
        self._chunks.clear()
        try:
            self._spool = self._server.spools.open(begun, self._server.span)
        except SpoolRefused as problem:
            self._stop_parsing(503, str(problem))
        assert self._spool is not None  # noqa: S101  # or parsing has stopped
        self._spool.when_written(self._on_spool_written)

    def _to_spool(self, spool: Spool, body: bytes) -> None:
        try:
            spool.write(body)
        except SpoolRefused as problem:
            self._stop_parsing(503, str(problem))
        self._paced += len(body)
        if self._paced >= _PACE_BYTES and self._current is None:
            self._paced = 0
            self._deadline = self._loop.time() + self._limits.body_s
        if spool.is_full:
            self._pause_reading()

    def _on_spool_written(self) -> None:
        """Go on when the disk has followed; refuse when it cannot."""
        spool = self._spool
        if spool is None or self._is_closing:
            return
        if spool.trouble:
            self._resume_reading()
            self._refuse(503, "the node's disk refuses; ask again later")
            self._next()
        elif self._is_reading_paused and not spool.is_full:
            if self._current is None:
                self._deadline = self._loop.time() + self._limits.body_s
            self._resume_reading()

    def _drop_spool(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _pause_reading(self) -> None:
        if not self._is_reading_paused and self._transport is not None:
            self._is_reading_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._is_reading_paused and self._transport is not None:
            self._is_reading_paused = False
            self._transport.resume_reading()

    def _whole_body(self) -> bytes | Body:
        spool = self._spool
        if spool is None:
            return b"".join(self._chunks)
        try:
            body = spool.finish()
        except SpoolRefused as problem:
            self._stop_parsing(503, str(problem))
            raise  # never reached
        self._spool = None
        # Whole by now: what waits for the disk waits in memory.
        self._resume_reading()
        return body

    def on_message_complete(self) -> None:
        """Put the request in the queue."""
        request = Request(
            self._parser.get_method().decode("latin-1"),
            self._url.decode("latin-1"),
            self._headers,
            self._whole_body(),
            self._peer,
            self._alive,
        )
        self._queue.append((request, self._parser.should_keep_alive()))
        self._reset()
        self._phase = _Phase.IDLE
        if len(self._queue) >= self._limits.pipelined:
            self._pause_reading()

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
        if self._is_reading_paused and (self._spool is None or not self._spool.is_full):
            self._resume_reading()
        token = object()
        self._current = token

        def respond(
            status: int, headers: Headers, body: bytes | Body | Stream, reason: str = "", /
        ) -> None:
            if not isinstance(request.body, bytes):
                request.body.close()
            self._respond(token, request.method, keep_alive, status, headers, body, reason)

        try:
            self._server.handler(request, respond)
        except Exception:
            log.exception("http_handler_failed")
            respond(*self._server.refusal(500, "the node failed on this request"))

    def _respond(  # noqa: PLR0913, PLR0917
        self, token: object, method: str, keep_alive: bool, status: int, headers: Headers,
        body: bytes | Body | Stream, reason: str,
    ) -> None:  # fmt: skip
        if self._current is not token:
            bodies.close(body)
            return
        if self._is_closing or self._transport is None:
            self._current = None
            bodies.close(body)
            return
        is_last = not keep_alive or self._server.is_draining
        if not isinstance(body, bytes):
            self._transport.write(
                render(status, reason, headers, body, is_head=True, is_last=is_last)
            )
            is_bare = method == "HEAD" or status in BODILESS
            self._sending = _Sending(body, is_last, is_head=is_bare)
            self._send_on()
            return
        self._current = None
        self._transport.write(
            render(status, reason, headers, body, is_head=method == "HEAD", is_last=is_last)
        )
        self._end_answer(is_last=is_last)

    def _send_on(self) -> None:
        """Write of a large body what the caller takes; the rest when it reads on."""
        sending = self._sending
        assert sending is not None  # noqa: S101  # called when there is one
        try:
            while not self._is_write_paused:
                piece = next(sending.chunks, b"")
                if self._transport is None or self._is_closing:
                    break
                if not piece:
                    self._sending = self._current = None
                    sending.body.close()
                    self._end_answer(is_last=sending.is_last or self._server.is_draining)
                    return
                self._transport.write(piece)
        except BodyGone as problem:
            # The length was promised: only the end of the connection says that this is not it.
            log.error("http_body_gone reason=%s", problem)  # noqa: TRY400
            self.cut("body_gone")

    def _end_answer(self, *, is_last: bool) -> None:
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
            if self._phase is _Phase.BODY and self._server.spools is not None:
                self._lingers_until = self._loop.time() + _LINGER_S
        self._phase = _Phase.IDLE
        self._drop_spool()

    def _stop_parsing(self, status: int, message: str) -> None:
        self._refuse(status, message)
        raise ValueError(message)  # ends feed_data; never seen outside of it

    def _send_refusal(self) -> None:
        assert self._refusal is not None  # noqa: S101  # for the type checker
        status, headers, body = self._server.refusal(*self._refusal)
        if self._transport is not None:
            self._transport.write(render(status, "", headers, body, is_head=False, is_last=True))
        if self._lingers_until is not None and not self._half_closed:
            self._linger()
        else:
            self._close()

    def _linger(self) -> None:
        """Drop the rest of a body: who is cut off while it sends does not see why."""
        self._is_closing = True
        self._lingers_until = self._loop.time() + _LINGER_S
        self._resume_reading()
        if self._transport is not None and self._transport.can_write_eof():
            self._transport.write_eof()

    def _continue(self) -> None:
        if self._transport is not None and self._current is None and self._refusal is None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _alive(self) -> None:
        """Tell who waits for an answer that it is worked on; only nodes ask for it."""
        if self._transport is not None and self._current is not None and self._sending is None:
            self._transport.write(b"HTTP/1.1 102 Processing\r\n\r\n")

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
        if self._is_closing and self._lingers_until is not None and now >= self._lingers_until:
            self.cut("refused")
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


class _Sending:
    """A large body on its way out."""

    __slots__ = ("body", "chunks", "is_last")

    def __init__(self, body: Body | Stream, is_last: bool, *, is_head: bool) -> None:
        self.body = body
        self.chunks = iter(()) if is_head else body.chunks()
        self.is_last = is_last


HttpServer.connection = Connection
