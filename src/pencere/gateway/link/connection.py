"""What both ends of a link do: write once a loop turn, give and take credit, notice the dead.

A small message leaves in one frame at the next turn. A large one is cut into frames that take
turns with others, never more than the other end gave credit for. What arrives is given credit
as long as all unfinished messages together stay below a budget; above it only the oldest goes on,
so that there is always one that ends. With spools, what is larger than `stream_bytes` goes to a
file as it comes, and is given credit when the disk has followed.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque

from pencere.gateway.link import frames
from pencere.gateway.link.frames import Cancel, Frame, FrameError, FrameKind, FrameReader
from pencere.gateway.link.limits import LinkLimits
from pencere.gateway.link.messages import Incoming, Outgoing
from pencere.gateway.wire.envelope import body_span
from pencere.kernel.http.body import Body, BodyGone, Stream
from pencere.kernel.http.spool import SpoolRefused, Spools

__all__ = ["LinkConnection", "LinkLimits"]

log = logging.getLogger(__name__)
_TURN_BYTES = 256 * 1024
_PINGS_PER_S = 20
_CREDIT_LIMIT = 2**31


class LinkConnection(asyncio.Protocol, ABC):
    """One end of a connection; a subclass says what requests and answers mean."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, limits: LinkLimits, spools: Spools | None = None
    ) -> None:
        self._loop = loop
        self._limits = limits
        self._spools = spools
        self._transport: asyncio.Transport | None = None
        self._reader = FrameReader()
        self._ready: list[bytes] = []
        self._outgoing: dict[int, Outgoing] = {}
        self._turns: deque[Outgoing] = deque()
        self._incoming: dict[int, Incoming] = {}
        self._unfinished = 0
        self._starved: set[int] = set()
        self._will_flush = False
        self._paused_at: float | None = None
        self._pings: deque[float] = deque(maxlen=_PINGS_PER_S)
        self._pinged_at: float | None = None
        self._partial_since: float | None = None
        self._is_ended = False
        self.heard_at = self.used_at = loop.time()

    # What a subclass says

    @property
    @abstractmethod
    def has_work(self) -> bool:
        """Whether somebody waits for something on this connection."""

    @abstractmethod
    def on_frame(self, frame: Frame) -> None:
        """Take a frame that is not the connection's own."""

    @abstractmethod
    def on_message(self, stream: int, status: int, data: bytes | Body) -> None:
        """Take a whole message."""

    @abstractmethod
    def on_no_room(self, stream: int, reason: str) -> None:
        """Take note that there is no room on the disk for a message."""

    def on_moved(self, stream: int) -> None:
        """Take note that a large message moves, or that the other end works on it."""

    @abstractmethod
    def on_too_large(self, stream: int) -> None:
        """Take note that a message was larger than this node takes."""

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # aiofastnet's transports are asyncio.Transport in all but ancestry.
        self._transport = transport  # type: ignore[assignment]
        assert self._transport is not None  # noqa: S101  # for the type checker
        self._transport.set_write_buffer_limits(high=2 * _TURN_BYTES, low=_TURN_BYTES // 2)

    def connection_lost(self, exc: Exception | None) -> None:
        """End; a subclass tells who waited."""
        del exc
        self._is_ended = True
        self._transport = None
        for outgoing in self._outgoing.values():
            outgoing.close()
        self._outgoing.clear()
        self._turns.clear()
        for incoming in self._incoming.values():
            if incoming.spool is not None:
                incoming.spool.close()
        self._incoming.clear()
        self._ready.clear()

    def data_received(self, data: bytes) -> None:
        """Take what is whole; cut who breaks the protocol."""
        if self._is_ended:
            return
        now = self.heard_at = self._loop.time()
        self._pinged_at = None
        try:
            for frame in self._reader.feed(bytes(data)):
                self._on_frame(frame)
                if self.is_over():
                    return
        except FrameError as problem:
            self.cut(f"malformed: {problem}")
            return
        if self._reader.is_between:
            self._partial_since = None
        elif self._partial_since is None:
            self._partial_since = now

    def eof_received(self) -> bool:
        """End with the other end: half a connection carries no credit."""
        return False

    def pause_writing(self) -> None:
        """Keep what is not written yet."""
        self._paused_at = self._loop.time()

    def resume_writing(self) -> None:
        """Go on writing."""
        self._paused_at = None
        self._flush_soon()

    def write(self, frame: bytes) -> None:
        """Write a frame with the others of this turn."""
        if not self._is_ended:
            self._ready.append(frame)
            self._flush_soon()

    def write_message(
        self, stream: int, kind: FrameKind, prefix: bytes, data: bytes | Stream | Body
    ) -> None:
        """Write a message, in turn with others when it is large."""
        if self._is_ended:
            if kind is FrameKind.ANSWER and not isinstance(data, bytes):
                data.close()
            return
        self.used_at = self._loop.time()
        size = len(prefix) + len(data)
        if size <= frames.FRAME_BYTES and isinstance(data, bytes):
            self._ready.append(frames.header(kind, stream, size, is_last=True) + prefix + data)
        else:
            outgoing = Outgoing(stream, kind, prefix, data, self.used_at)
            self._outgoing[stream] = outgoing
            self._turns.append(outgoing)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._will_flush and self._paused_at is None and not self._is_ended:
            self._will_flush = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._will_flush = False
        if self._transport is None or self._paused_at is not None:
            return
        parts, self._ready = self._ready, []
        room = _TURN_BYTES
        while self._turns and room > 0:
            outgoing = self._turns.popleft()
            if self._outgoing.get(outgoing.stream) is not outgoing:
                continue  # cancelled
            room -= self._piece(outgoing, parts)
        if parts:
            self._transport.write(b"".join(parts))
        if self._turns:
            self._flush_soon()
        if not self._outgoing:
            self.on_written()

    def on_written(self) -> None:
        """Take note that nothing is left to write."""

    def _piece(self, outgoing: Outgoing, parts: list[bytes]) -> int:
        """Add the next frame of a message; return how much of the turn it took."""
        prefix = outgoing.prefix
        left = outgoing.source.left
        take = min(frames.FRAME_BYTES - len(prefix), outgoing.credit - len(prefix), left)
        if take <= 0:
            outgoing.is_waiting = True
            outgoing.since = self._loop.time()
            return 0
        size, is_last = len(prefix) + take, take == left
        try:
            piece = outgoing.source.take(take)
        except BodyGone as problem:
            log.error("link_body_gone stream=%s reason=%s", outgoing.stream, problem)  # noqa: TRY400
            parts.append(frames.cancel(outgoing.stream, Cancel.UNWANTED))
            self.on_body_gone(outgoing.stream)
            return 0
        parts.append(frames.header(outgoing.kind, outgoing.stream, size, is_last=is_last))
        parts.append(prefix)
        parts.append(piece)
        outgoing.credit -= size
        outgoing.kind, outgoing.prefix = FrameKind.MORE, b""
        if is_last:
            del self._outgoing[outgoing.stream]
            outgoing.close()
        else:
            self._turns.append(outgoing)
        return size

    def on_body_gone(self, stream: int) -> None:
        """Take note that the rest of a message cannot be read."""
        self.drop(stream)

    def is_over(self) -> bool:
        """Whether the connection was closed or cut."""
        return self._is_ended

    def drop(self, stream: int) -> None:
        """Send and take no more of a stream."""
        outgoing = self._outgoing.pop(stream, None)
        if outgoing is not None:
            outgoing.close()
        incoming = self._incoming.pop(stream, None)
        self._starved.discard(stream)
        if incoming is not None:
            if incoming.spool is not None:
                incoming.spool.close()
            self._unfinished -= incoming.held
            self._feed_starved()

    # In

    def _on_frame(self, frame: Frame) -> None:
        kind = frame.kind
        if kind is FrameKind.CREDIT:
            self._on_credit(frame.stream, frames.read_number(frame.payload))
        elif kind is FrameKind.PING:
            now = self._loop.time()
            if len(self._pings) == _PINGS_PER_S and now - self._pings[0] < 1.0:
                raise FrameError("too many pings")
            self._pings.append(now)
            self.write(frames.pack(FrameKind.PONG, 0, frame.payload))
        elif kind is not FrameKind.PONG:
            self.on_frame(frame)

    def begin_message(self, frame: Frame, status: int, payload: bytes) -> None:
        """Take the first frame of a message."""
        self.used_at = self.heard_at
        if frame.is_last:
            self.on_message(frame.stream, status, payload)
            return
        incoming = Incoming(status, self.heard_at)
        incoming.allowed -= len(frame.payload) - len(payload)
        self._incoming[frame.stream] = incoming
        self._take(frame.stream, incoming, payload, is_last=False)

    def continue_message(self, frame: Frame) -> None:
        """Take a further frame; one of a message that is not wanted any more is dropped."""
        incoming = self._incoming.get(frame.stream)
        if incoming is not None:
            self._take(frame.stream, incoming, frame.payload, is_last=frame.is_last)

    def _take(self, stream: int, incoming: Incoming, payload: bytes, *, is_last: bool) -> None:
        incoming.size += len(payload)
        incoming.since = self.heard_at
        if incoming.size > incoming.allowed:
            raise FrameError("more than there was credit for")
        if incoming.size > self._limits.message_bytes:
            self.drop(stream)
            self.on_too_large(stream)
            return
        try:
            self._keep(stream, incoming, payload)
            if not is_last:
                if incoming.allowed - incoming.size <= frames.WINDOW_BYTES // 2:
                    self._give(stream, incoming)
                return
            spool = incoming.spool
            data = spool.finish() if spool is not None else b"".join(incoming.chunks)
        except SpoolRefused as problem:
            self.drop(stream)
            self.on_no_room(stream, str(problem))
            return
        incoming.spool = None
        self.drop(stream)
        self.on_message(stream, incoming.status, data)

    def _keep(self, stream: int, incoming: Incoming, payload: bytes) -> None:
        if incoming.spool is not None:
            incoming.spool.write(payload)
            self.on_moved(stream)
            return
        incoming.chunks.append(payload)
        incoming.held += len(payload)
        self._unfinished += len(payload)
        if self._spools is not None and incoming.size > self._limits.stream_bytes:
            begun = b"".join(incoming.chunks)
            incoming.chunks.clear()
            self._unfinished -= incoming.held
            incoming.held = 0
            incoming.spool = self._spools.open(begun, body_span)
            incoming.spool.when_written(lambda: self._on_spool_written(stream))
            self._feed_starved()

    def _on_spool_written(self, stream: int) -> None:
        """Give the credit that was held back while the disk was behind."""
        incoming = self._incoming.get(stream)
        if incoming is None or incoming.spool is None or self._is_ended:
            return
        if incoming.spool.trouble:
            reason = f"the node's disk refuses ({incoming.spool.trouble})"
            self.drop(stream)
            self.on_no_room(stream, reason)
        elif incoming.is_waiting and not incoming.spool.is_full:
            self._give(stream, incoming)

    def _give(self, stream: int, incoming: Incoming) -> None:
        incoming.is_waiting = incoming.spool is not None and incoming.spool.is_full
        if incoming.is_waiting:
            return
        is_oldest = next(iter(self._incoming)) == stream
        if self._unfinished > self._limits.unfinished_bytes and not is_oldest:
            self._starved.add(stream)
            return
        self._starved.discard(stream)
        size = incoming.size + frames.WINDOW_BYTES - incoming.allowed
        incoming.allowed += size
        incoming.since = self._loop.time()
        self.write(frames.credit(stream, size))

    def _feed_starved(self) -> None:
        for stream in sorted(self._starved):
            self._give(stream, self._incoming[stream])

    def _on_credit(self, stream: int, size: int) -> None:
        self.on_moved(stream)
        outgoing = self._outgoing.get(stream)
        if outgoing is None:
            return  # it was written to the end before
        outgoing.credit += size
        if not size or outgoing.credit > _CREDIT_LIMIT:
            raise FrameError(f"credit of {size} bytes")
        if outgoing.is_waiting:
            outgoing.is_waiting = False
            self._turns.append(outgoing)
            self._flush_soon()

    # Deadlines and ends

    def check_deadline(self, now: float) -> None:
        """Cut who is dead, slow, or idle. Asked about once a second."""
        limits = self._limits
        if self._is_ended:
            return
        if self._paused_at is not None and now - self._paused_at > limits.write_s:
            self.cut("slow_reader")
        elif self._partial_since is not None and now - self._partial_since > limits.piece_s:
            self.cut("slow_writer")
        elif self._pinged_at is not None and now - self._pinged_at > limits.dead_s:
            self.cut("dead_peer")
        elif self.has_work or self._incoming or self._outgoing:
            self._check_streams(now)
            if now - self.heard_at > limits.ping_s:
                self.ping()
        elif now - max(self.used_at, self.heard_at) > limits.idle_s:
            self.close()

    def ping(self) -> None:
        """Ask whether the other end is there; `check_deadline` cuts it when it is not."""
        if self._pinged_at is None:
            self._pinged_at = self._loop.time()
            self.write(frames.pack(FrameKind.PING, 0, bytes(8)))

    @property
    def is_suspect(self) -> bool:
        """Whether the other end owes a sign of life."""
        asked = self._pinged_at
        return asked is not None and self._loop.time() - asked > self._limits.suspect_s

    def _check_streams(self, now: float) -> None:
        late = [
            stream
            for stream, one in self._incoming.items()
            if stream not in self._starved
            and not one.is_waiting
            and now - one.since > self._limits.piece_s
        ]
        late += [
            stream
            for stream, one in self._outgoing.items()
            if one.is_waiting and now - one.since > self._limits.write_s
        ]
        for stream in late:
            log.info("link_stream_cut stream=%s reason=slow", stream)
            self.write(frames.cancel(stream, Cancel.SLOW))
            self.drop(stream)

    def close(self) -> None:
        """Close when what was written has left; called when no message is half written."""
        if self._is_ended:
            return
        self._is_ended = True
        if self._transport is not None:
            self._transport.write(b"".join(self._ready))
            self._transport.close()

    def cut(self, reason: str) -> None:
        """Close at once."""
        log.warning("link_cut reason=%r", reason)
        self._is_ended = True
        if self._transport is not None:
            self._transport.abort()
