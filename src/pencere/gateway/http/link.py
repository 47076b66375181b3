"""One connection to another server: one request, one answer, again; on httptools callbacks.

A large request is read from its file as fast as the other end takes it; a large answer goes to a
file. While either moves, the time for the answer begins anew.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import httptools

from pencere.gateway.http.outcomes import Done, Endpoint, Failure, Reply, Trouble, Waiting
from pencere.kernel.http.body import Body, BodyGone, Stream
from pencere.kernel.http.spool import Spool, SpoolRefused

if TYPE_CHECKING:
    from pencere.gateway.wire.head import Headers

log = logging.getLogger(__name__)


class Owner(Protocol):
    """The pool of a connection."""

    endpoint: Endpoint

    def opened(self, link: "Link") -> None:
        """Count a connection."""

    def lost(self, link: "Link") -> None:
        """Forget a connection."""

    def release(self, link: "Link") -> None:
        """Give a free connection the next call, or keep it."""


class Call(Waiting):
    """One request on its way."""

    __slots__ = ("data", "deadline", "is_head", "link", "moved", "timeout_s")

    def __init__(
        self,
        data: bytes | Stream,
        is_head: bool,
        done: Done,
        timeout_s: float,
        moved: Callable[[], None] | None,
    ) -> None:
        super().__init__(done)
        self.data = data
        self.timeout_s = timeout_s
        self.deadline = 0.0
        self.moved = moved
        self.is_head = is_head
        self.link: Link | None = None

    def touch(self, now: float) -> None:
        """Note that a large body moved: the time for the answer begins anew."""
        self.deadline = now + self.timeout_s
        if self.moved is not None:
            self.moved()


class Link(asyncio.Protocol):
    """One connection: one request, one answer, again."""

    def __init__(self, pool: Owner, loop: asyncio.AbstractEventLoop) -> None:
        self._pool = pool
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._call: Call | None = None
        self._used = False
        self.is_expected_peer = True
        self.is_usable = True
        self.idle_since = 0.0
        # What is left of a large request.
        self._rest: Iterator[bytes] | None = None
        self._is_write_paused = self._is_reading_paused = False
        self._spool: Spool | None = None
        endpoint = pool.endpoint
        self._stream_bytes = endpoint.stream_bytes if endpoint.spools else sys.maxsize
        self._reset()

    def _reset(self) -> None:
        self._status = 0
        self._reason = b""
        self._headers: Headers = []
        self._chunks: list[bytes] = []
        self._size = self._codings = 0
        self._head_size = 0
        self._has_head = False
        self._has_bytes = False
        self._is_complete = False
        self._keeps_alive = False
        self._trouble: Trouble | None = None

    def start(self, call: Call) -> None:
        """Send a request."""
        if self._transport is None:
            self._loop.call_soon(
                call.finish, Failure(Trouble.LOST, "closed while idle", is_unseen=True)
            )
            return
        self._reset()
        self._call = call
        call.link = self
        data, call.data = call.data, b""
        if isinstance(data, bytes):
            self._transport.write(data)
        else:
            self._rest = data.chunks()
            self._send_on()

    def _send_on(self) -> None:
        """Write of a large request what the other end takes."""
        rest, call = self._rest, self._call
        try:
            while rest is not None and call is not None and not self._is_write_paused:
                piece = next(rest, b"")
                if self._transport is None or self._rest is None:
                    return
                if not piece:
                    self._rest = rest = None
                else:
                    self._transport.write(piece)
                    call.touch(self._loop.time())
        except BodyGone as problem:
            # The caller left, or a timeout closed the body.
            log.info("http_request_given_up reason=%s", problem)
            self._fail(Trouble.LOST)

    def abort(self) -> None:
        """Close at once."""
        self.is_usable = False
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Check who answered before a byte is sent."""
        # uvloop's transports are asyncio.Transport in all but ancestry.
        self._transport = transport  # type: ignore[assignment]
        self._pool.opened(self)
        is_peer = self._pool.endpoint.is_peer
        if is_peer is not None:
            self.is_expected_peer = is_peer(transport.get_extra_info("ssl_object"))

    def pause_writing(self) -> None:
        """Wait with the rest of a large request."""
        self._is_write_paused = True

    def resume_writing(self) -> None:
        """Go on with it."""
        self._is_write_paused = False
        if self._rest is not None:
            self._send_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the call that was on its way, if any."""
        was_aborted, self.is_usable = not self.is_usable, False
        self._transport = None
        self._rest = None
        call, self._call = self._call, None
        self._pool.lost(self)
        if call is None:
            self._drop_spool()
            return
        is_end = exc is None and not was_aborted and self._trouble is None
        if is_end and self._has_head and not self._has_framing():
            call.finish(self._outcome())  # the end of the connection is the end of the body
            return
        self._drop_spool()
        detail = "the other end closed" if exc is None else str(exc)
        unseen = self._used and not self._has_bytes
        is_reset = isinstance(exc, ConnectionError)
        call.finish(
            Failure(self._trouble or Trouble.LOST, detail, is_unseen=unseen, is_reset=is_reset)
        )

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        if self._call is None:
            self.abort()  # an answer nobody asked for
            return
        self._has_bytes = True
        if not self._has_head:
            self._head_size += len(data)
            if self._head_size > self._pool.endpoint.max_head_bytes + 65536:
                self._fail(Trouble.TOO_LARGE)
                return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(Trouble.PROTOCOL)
        except (httptools.HttpParserCallbackError, httptools.HttpParserError):
            if not self._is_complete:
                self._fail(self._trouble or Trouble.PROTOCOL)
                return
            self.is_usable = False  # rubbish behind a complete answer
        if self._is_complete and self._call is not None:
            self._finish()

    # httptools

    def on_message_begin(self) -> None:
        """Begin an answer; a second one in the same bytes was not asked for."""
        if self._is_complete:
            raise ValueError("an answer nobody asked for")

    def on_status(self, status: bytes) -> None:
        """Take the reason phrase."""
        self._reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; a trailer, which comes behind the body, is dropped."""
        if not self._has_head:
            # RFC 9112 section 5: white space behind a value is no part of it.
            self._headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Take the status; an answer to HEAD ends here."""
        self._status = self._parser.get_status_code()
        if self._status < 200:
            return
        self._has_head = True
        if self._parser.get_http_version() not in {"1.1", "1.0"}:
            raise ValueError("not HTTP/1.1")
        for name, value in self._headers:
            if len(name) == 14 and name.lower() == b"content-length":
                self._check_length(value)
            elif len(name) == 17 and name.lower() == b"transfer-encoding":
                self._check_coding(value)
        if self._call is not None and self._call.is_head:
            self._is_complete = True
            self.is_usable = False  # the parser would wait for the body that HEAD has not

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body; of an answer to HEAD there is none."""
        if self._is_complete:
            return
        self._size += len(body)
        if self._size > self._pool.endpoint.max_body_bytes:
            self._trouble = Trouble.TOO_LARGE
            raise ValueError("too large")
        if self._spool is not None:
            self._to_spool(self._spool, body)
            return
        self._chunks.append(body)
        if self._size > self._stream_bytes:
            self._begin_spool()

    def _check_length(self, value: bytes) -> None:
        """Refuse at once what would be refused later."""
        if self._call is not None and self._call.is_head:
            return
        if not value.isdigit() or len(value) > 18:
            raise ValueError("not a length")
        if int(value) > self._pool.endpoint.max_body_bytes:
            self._trouble = Trouble.TOO_LARGE
            raise ValueError("too large")

    def _check_coding(self, value: bytes) -> None:
        """Refuse a coding that would stay on the body, and with it a body of two lengths."""
        self._codings += 1
        if value.lower() != b"chunked" or self._codings > 1:
            raise ValueError("coded in another way than in chunks")

    # Large answers

    def _begin_spool(self) -> None:
        endpoint = self._pool.endpoint
        assert endpoint.spools is not None  # noqa: S101  # else the limit is never passed
        begun = b"".join(self._chunks)
        self._chunks.clear()
        try:
            self._spool = endpoint.spools.open(begun, endpoint.span)
        except SpoolRefused:
            self._trouble = Trouble.NO_ROOM
            raise
        self._spool.when_written(self._on_spool_written)

    def _to_spool(self, spool: Spool, body: bytes) -> None:
        try:
            spool.write(body)
        except SpoolRefused:
            self._trouble = Trouble.NO_ROOM
            raise
        if self._call is not None:
            self._call.touch(self._loop.time())
        if spool.is_full and self._transport is not None and not self._is_reading_paused:
            self._is_reading_paused = True
            self._transport.pause_reading()

    def _read_on(self) -> None:
        if self._is_reading_paused and self._transport is not None:
            self._is_reading_paused = False
            self._transport.resume_reading()

    def _on_spool_written(self) -> None:
        spool = self._spool
        if spool is None:
            return
        if spool.trouble:
            self._fail(Trouble.NO_ROOM)
        elif not spool.is_full:
            self._read_on()
            if self._call is not None:
                self._call.touch(self._loop.time())

    def _drop_spool(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _outcome(self) -> Reply | Failure:
        spool, self._spool = self._spool, None
        if spool is None:
            return self._reply(b"".join(self._chunks))
        try:
            return self._reply(spool.finish())
        except SpoolRefused:
            return Failure(Trouble.NO_ROOM)

    def on_message_complete(self) -> None:
        """The answer is whole, unless it was an interim one."""
        if self._status < 200:
            self._headers, self._reason = [], b""
            if self._call is not None:
                self._call.touch(self._loop.time())  # the other end says that it is at work
            return
        self._is_complete = True
        # Only here does the parser still know; afterwards it is ready for the next message.
        self._keeps_alive = self._parser.should_keep_alive()

    def _finish(self) -> None:
        call, self._call = self._call, None
        outcome = self._outcome()
        self._used = True
        is_whole, self._rest = self._rest is None, None
        if self.is_usable and self._keeps_alive and is_whole:
            self._read_on()
            self._pool.release(self)
        else:
            self.abort()
        if call is not None:
            call.finish(outcome)

    def _fail(self, trouble: Trouble) -> None:
        call, self._call = self._call, None
        self._rest = None
        self._drop_spool()
        self.abort()
        if call is not None:
            call.finish(Failure(trouble))

    def _reply(self, body: bytes | Body) -> Reply:
        return Reply(self._status, self._reason.decode("latin-1"), self._headers, body)

    def _has_framing(self) -> bool:
        names = {name.lower() for name, _ in self._headers}
        return b"content-length" in names or b"transfer-encoding" in names
