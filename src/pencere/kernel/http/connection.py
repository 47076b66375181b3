"""One caller of the server: answers leave in the order of their requests.

A caller that is too slow, too large, or malformed gets one clear answer where one is possible,
and is cut off. A large body leaves from its file: writing pauses while the caller is behind.
"""

import asyncio
import logging

import httptools

from pencere.kernel.http import body as bodies
from pencere.kernel.http.answer import BODILESS, render
from pencere.kernel.http.body import Body, BodyGone, Stream
from pencere.kernel.http.message import Headers
from pencere.kernel.http.receiving import Owner, Phase, Receiver

log = logging.getLogger(__name__)


class Connection(Receiver):
    """One caller."""

    def __init__(self, server: Owner, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(server, loop)
        self._sending: _Sending | None = None

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
        if self._refusal is not None:
            self._drop(len(data))
        if self._is_closing or self._refusal is not None:
            return
        in_head_before = self._phase is Phase.HEAD
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
        if self._phase is Phase.HEAD:
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
        elif self._phase is Phase.HEAD:
            wait = limits.head_s
        elif self._phase is Phase.BODY:
            wait = limits.body_s
        else:
            wait = limits.idle_s
        self._deadline = self._loop.time() + wait

    def _send_refusal(self) -> None:
        assert self._refusal is not None  # noqa: S101  # for the type checker
        status, headers, body = self._server.refusal(*self._refusal)
        if self._transport is not None:
            self._transport.write(render(status, "", headers, body, is_head=False, is_last=True))
        if self._half_closed:
            self._close()
        else:
            self._linger()

    def _linger(self) -> None:
        """Let the caller end: who is cut off while it sends does not see why.

        RFC 9112 section 9.6.
        """
        self._is_closing = True
        self._lingers_until = self._loop.time() + self._limits.linger_s
        self._resume_reading()
        if self._transport is not None and self._transport.can_write_eof():
            self._transport.write_eof()

    def _drop(self, size: int) -> None:
        self._to_drop_bytes -= size
        if self._to_drop_bytes >= 0:
            return
        if self._is_closing:
            self.cut("refused")
        else:
            self._pause_reading()  # until the answers before the refusal have left

    def _continue(self) -> None:
        if self._transport is not None and self._current is None and self._refusal is None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _alive(self) -> None:
        """Tell who waits for an answer that it is worked on; only nodes ask for it."""
        if self._transport is not None and self._current is not None and self._sending is None:
            self._transport.write(b"HTTP/1.1 102 Processing\r\n\r\n")

    @property
    def is_between_messages(self) -> bool:
        """Whether nothing is in work and the next byte begins a request."""
        return (
            self._phase is Phase.IDLE
            and self._current is None
            and not self._queue
            and self._refusal is None
            and not self._is_closing
            and not self._is_write_paused
        )

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
            if self._phase is Phase.IDLE:
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
