"""What arrives on a connection: heads and bodies, checked while they come.

httptools calls the `on_*` methods from inside `data_received`. With spools, a large body goes to
a file: reading pauses while the disk is behind.
"""

import asyncio
import logging
import ssl
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

import httptools

from pencere.kernel.http.body import Body
from pencere.kernel.http.message import Headers, Limits, Request
from pencere.kernel.http.spool import Span, Spool, SpoolRefused, Spools

log = logging.getLogger(__name__)
# Of the headers that say how a request is framed: host, expect, content-length.
_FRAMING_LENGTHS = frozenset({4, 6, 14})
# Who sends a large body has `body_s` for each part of it of this size.
_PACE_BYTES = 1024 * 1024


class Phase(Enum):
    """Where in a message the caller is."""

    IDLE = "idle"
    HEAD = "head"
    BODY = "body"


class Owner(Protocol):
    """The server of a connection, as the connection sees it."""

    limits: Limits
    spools: Spools | None
    # Which bytes of a large body its digest is of.
    span: Span | None
    connections: set[Any]
    is_draining: bool

    @property
    def handler(self) -> Callable[[Request, Any], None]:
        """Answers requests."""

    @property
    def refusal(self) -> Callable[[int, str], tuple[int, Headers, bytes]]:
        """Words a refusal of the server itself."""

    @property
    def admit(self) -> Callable[[ssl.SSLObject], str] | None:
        """Says who a peer is."""

    def forget(self, connection: Any) -> None:
        """Take note that a connection ended."""


class Receiver(asyncio.Protocol, ABC):
    """The receiving half of a connection; `Connection` answers."""

    def __init__(self, server: Owner, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._limits = server.limits
        self._head_limit = server.limits.head_bytes
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._queue: deque[tuple[Request, bool]] = deque()
        self._current: object | None = None
        self._phase = Phase.IDLE
        self._deadline = loop.time() + self._limits.head_s
        self._refusal: tuple[int, str] | None = None
        self._is_closing = False
        self._is_reading_paused = False
        self._is_write_paused = False
        self._half_closed = False
        self._fed_head = 0
        self._stream_bytes = self._limits.stream_bytes if server.spools else sys.maxsize
        self._lingers_until: float | None = None
        self._to_drop_bytes = 0
        self._reset()

    def _reset(self) -> None:
        self._url = b""
        self._headers: Headers = []
        self._head_bytes = 0
        self._chunks: list[bytes] = []
        self._body_bytes = 0
        self._spool: Spool | None = None
        self._paced = 0

    # What the other half does

    @abstractmethod
    def _next(self) -> None:
        """Go on with what is in the queue, or with the refusal."""

    @abstractmethod
    def _continue(self) -> None:
        """Ask for the body."""

    @abstractmethod
    def _alive(self) -> None:
        """Tell who waits for an answer that it is worked on."""

    # httptools

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._reset()
        self._fed_head = 0
        self._phase = Phase.HEAD
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
        if self._phase is not Phase.BODY:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Look at the head before any of the body is taken."""
        self._phase = Phase.BODY
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
        self._phase = Phase.IDLE
        if len(self._queue) >= self._limits.pipelined:
            self._pause_reading()

    # Refusing

    def _refuse(self, status: int, message: str) -> None:
        if self._refusal is None:
            self._refusal = (status, message)
            # A body may come from anybody in good faith; a head twice too large does not.
            is_body, limits = self._phase is Phase.BODY, self._limits
            self._to_drop_bytes = limits.linger_bytes if is_body else limits.head_bytes
        self._phase = Phase.IDLE
        self._drop_spool()

    def _stop_parsing(self, status: int, message: str) -> None:
        self._refuse(status, message)
        raise ValueError(message)  # ends feed_data; never seen outside of it

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.head_bytes:
            self._stop_parsing(431, "the head of the request is larger than this node takes")

    def _too_large(self) -> str:
        return (
            "Message size exceeds maximum loggable size:"
            f" a body may have {self.largest_body(self._url)} bytes"
        )

    def largest_body(self, target: bytes) -> int:
        """Return how many bytes of body a request for `target` may have."""
        del target  # the same for all, here
        return self._limits.body_bytes
