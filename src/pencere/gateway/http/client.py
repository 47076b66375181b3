"""HTTP/1.1 client: a pool of kept connections to one address, on httptools callbacks.

Nothing is retried here: whether a request may be sent twice is for the caller to know, who is
told whether any of the answer had come. Redirects are answers like others. A large request is
read from its file as fast as the other end takes it; a large answer goes to a file. While either
moves, the time for the answer begins anew.
"""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable, Iterator

import httptools

from pencere.gateway.http.connecting import connect
from pencere.gateway.http.outcomes import Done, Endpoint, Failure, IsPeer, Reply, Trouble
from pencere.gateway.wire.head import Headers
from pencere.kernel.http.body import Body, BodyGone, Stream
from pencere.kernel.http.spool import Spool, SpoolRefused

__all__ = [
    "Done", "Endpoint", "Failure", "IsPeer", "Pool", "Reply", "Trouble", "request_bytes",
]  # fmt: skip

log = logging.getLogger(__name__)


class _Call:
    """One request on its way."""

    __slots__ = ("data", "deadline", "done", "is_head", "link", "moved", "timeout_s", "timer")

    def __init__(
        self,
        data: bytes | Stream,
        is_head: bool,
        done: Done,
        timeout_s: float,
        moved: Callable[[], None] | None,
    ) -> None:
        self.data = data
        self.timeout_s = timeout_s
        self.deadline = 0.0
        self.moved = moved
        self.is_head = is_head
        self.done: Done | None = done
        self.link: _Link | None = None
        self.timer: asyncio.TimerHandle | None = None

    def finish(self, outcome: Reply | Failure) -> None:
        """Tell the caller, once. One caller's mistake must not stop the others' answers."""
        done, self.done = self.done, None
        if done is None:
            return
        if self.timer is not None:
            self.timer.cancel()
        try:
            done(outcome)
        except Exception:
            log.exception("http_callback_failed")

    def touch(self, now: float) -> None:
        """Note that a large body moved: the time for the answer begins anew."""
        self.deadline = now + self.timeout_s
        if self.moved is not None:
            self.moved()


class Pool:
    """Connections to one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._loop = asyncio.get_running_loop()
        self._idle: list[_Link] = []
        self._links: set[_Link] = set()
        self._waiting: deque[_Call] = deque()
        self._connecting: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def send(
        self,
        data: bytes | Stream,
        *,
        is_head: bool,
        timeout_s: float,
        done: Done,
        moved: Callable[[], None] | None = None,
    ) -> None:
        """Send the bytes of one request; `done` is called once, not from inside this call.

        `moved` is called whenever a piece of a large body came or went.
        """
        call = _Call(data, is_head, done, timeout_s, moved)
        call.timer = self._loop.call_later(timeout_s, self._on_timeout, call)
        link = self._take_idle()
        if link is not None:
            link.start(call)
        else:
            self._waiting.append(call)
            self._connect_if_needed()

    @property
    def is_empty(self) -> bool:
        """Whether no connection is left."""
        return not self._links and not self._connecting

    def close(self) -> None:
        """Close what is idle, and the rest when it has answered."""
        self._is_closed = True
        for link in self._idle:
            link.abort()
        self._idle.clear()

    async def aclose(self) -> None:
        """Close all at once."""
        self.close()
        for task in list(self._connecting):
            task.cancel()
        if self._connecting:
            await asyncio.gather(*self._connecting, return_exceptions=True)
        for link in list(self._links):
            link.abort()
        await asyncio.sleep(0)

    def _take_idle(self) -> "_Link | None":
        now = self._loop.time()
        while self._idle:
            link = self._idle.pop()
            if link.is_usable and now - link.idle_since < self.endpoint.idle_s:
                return link
            link.abort()
        return None

    def _connect_if_needed(self) -> None:
        room = self.endpoint.max_connections - len(self._links) - len(self._connecting)
        if room > 0 and len(self._connecting) < len(self._waiting):
            task = self._loop.create_task(self._connect())
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _connect(self) -> None:
        link = await connect(self.endpoint, lambda: _Link(self, self._loop))
        failure = link if isinstance(link, Failure) else None
        if not isinstance(link, Failure) and not link.is_expected_peer:
            failure = Failure(Trouble.WRONG_PEER)
            link.abort()
        if failure is not None or isinstance(link, Failure):
            failure = failure or Failure(Trouble.REFUSED)
            # All that wait here wait for this same endpoint.
            waiting, self._waiting = self._waiting, deque()
            for call in waiting:
                call.finish(failure)
            return
        self.release(link)

    def release(self, link: "_Link") -> None:
        """Give a free connection the next call, or keep it."""
        while self._waiting:
            call = self._waiting.popleft()
            if call.done is not None:
                link.start(call)
                return
        if self._is_closed:
            link.abort()
            return
        link.idle_since = self._loop.time()
        self._idle.append(link)

    def opened(self, link: "_Link") -> None:
        """Count a connection."""
        self._links.add(link)

    def lost(self, link: "_Link") -> None:
        """Forget a connection."""
        self._links.discard(link)
        if link in self._idle:
            self._idle.remove(link)
        if self._waiting:
            self._connect_if_needed()

    def _on_timeout(self, call: _Call) -> None:
        left_s = call.deadline - self._loop.time()
        if left_s > 0 and call.done is not None:
            call.timer = self._loop.call_later(left_s, self._on_timeout, call)
            return
        if call.link is not None:
            call.link.abort()
        call.finish(Failure(Trouble.TIMEOUT))


class _Link(asyncio.Protocol):
    """One connection: one request, one answer, again."""

    def __init__(self, pool: Pool, loop: asyncio.AbstractEventLoop) -> None:
        self._pool = pool
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._call: _Call | None = None
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
        self._size = 0
        self._head_size = 0
        self._has_head = False
        self._has_bytes = False
        self._is_complete = False
        self._keeps_alive = False
        self._trouble: Trouble | None = None

    def start(self, call: _Call) -> None:
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
        self.is_usable = False
        self._transport = None
        self._rest = None
        call, self._call = self._call, None
        self._pool.lost(self)
        if call is None:
            self._drop_spool()
            return
        if self._has_head and not self._has_framing() and self._trouble is None:
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
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Take the status; an answer to HEAD ends here."""
        self._status = self._parser.get_status_code()
        if self._status < 200:
            return
        self._has_head = True
        for name, value in self._headers:
            if len(name) == 14 and name.lower() == b"content-length":
                self._check_length(value)
        if self._call is not None and self._call.is_head:
            self._is_complete = True
            self.is_usable = False  # the parser would wait for the body that HEAD has not

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
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


def request_stream(
    method: str, target: str, headers: Headers, body: bytes | Body | Stream | None
) -> bytes | Stream:
    """Return a request whose body may be large."""
    if body is None or isinstance(body, bytes):
        return request_bytes(method, target, headers, body)
    length = (b"content-length", b"%d" % len(body))
    return Stream([request_bytes(method, target, [*headers, length], None), body])


def request_bytes(method: str, target: str, headers: Headers, body: bytes | None) -> bytes:
    """Return the bytes of a request; `body` None sends no Content-Length."""
    lines = [f"{method} {target} HTTP/1.1".encode("latin-1")]
    lines += [name + b": " + value for name, value in headers]
    if body is not None:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")
