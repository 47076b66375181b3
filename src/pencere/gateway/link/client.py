"""The calling side: few connections to a node, many requests on each."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import replace

from pencere.gateway.http.client import Pool, request_stream
from pencere.gateway.http.connecting import connect
from pencere.gateway.http.outcomes import Done, Endpoint, Failure, Reply, Trouble, Waiting
from pencere.gateway.link import frames
from pencere.gateway.link.connection import LinkConnection, LinkLimits
from pencere.gateway.link.frames import ALPN, Cancel, Frame, FrameError, FrameKind
from pencere.gateway.link.server import LINK_TARGET
from pencere.gateway.wire.envelope import MEDIA_TYPE, body_span
from pencere.kernel.http.body import Body, Stream
from pencere.kernel.http.spool import Spools

log = logging.getLogger(__name__)
_CROWDED = 128
_CONNECTIONS = 2
_PLAIN_FOR_S = 60.0
_TROUBLES = {
    Cancel.STOPPING: Trouble.STOPPING,
    Cancel.BUSY: Trouble.BUSY,
    Cancel.TOO_LARGE: Trouble.TOO_LARGE,
}


class _Call(Waiting):
    """One request on its way."""

    __slots__ = ("data", "deadline", "sent_at", "timeout_s", "where")

    def __init__(self, data: bytes | Stream, done: Done, deadline: float, timeout_s: float) -> None:
        super().__init__(done)
        self.data = data
        self.deadline = deadline
        self.timeout_s = timeout_s
        self.sent_at = 0.0
        self.where: tuple[CallingConnection, int] | None = None


class PeerLink:
    """All that goes to one node: by frames, or plainly when it speaks nothing else."""

    def __init__(
        self,
        endpoint: Endpoint,
        plain_tls: ssl.SSLContext,
        limits: LinkLimits,
        *,
        is_plain: bool = False,
    ) -> None:
        self._endpoint = endpoint
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._connections: list[CallingConnection] = []
        self._waiting: list[_Call] = []
        self._connecting: asyncio.Task[None] | None = None
        self._plain = Pool(replace(endpoint, tls=plain_tls, span=body_span))
        self._plain_until = float("inf") if is_plain else 0.0
        self._is_closed = False
        self._tick: asyncio.TimerHandle | None = self._loop.call_later(1.0, self._on_tick)

    @property
    def is_over(self) -> bool:
        """Whether all is closed that `close` left to be answered."""
        return self._is_closed and not self._connections and self._plain.is_empty

    def send(self, envelope: bytes | Stream, *, timeout_s: float, done: Done) -> None:
        """Send an envelope; `done` is called once, not from inside this call."""
        if not self._speaks_frames():
            self._send_plainly(envelope, timeout_s, done)
            return
        call = _Call(envelope, done, self._loop.time() + timeout_s, timeout_s)
        call.timer = self._loop.call_later(timeout_s, self._on_timeout, call)
        connection = self._best()
        if connection is None:
            self._waiting.append(call)
            self._connect()
            return
        connection.start(call)
        if connection.is_crowded and len(self._connections) < _CONNECTIONS:
            self._connect()

    def close(self) -> None:
        """Take no more; close each connection when it has answered."""
        self._is_closed = True
        self._plain.close()
        for connection in list(self._connections):
            connection.retire()

    async def aclose(self) -> None:
        """Close all at once."""
        self._is_closed = True
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        for connection in list(self._connections):
            connection.cut("closing")
        await self._plain.aclose()
        for call in self._waiting:
            call.finish(Failure(Trouble.LOST, "closing"))
        await asyncio.sleep(0)

    def _speaks_frames(self) -> bool:
        return self._loop.time() >= self._plain_until

    def _send_plainly(self, envelope: bytes | Stream, timeout_s: float, done: Done) -> None:
        endpoint = self._endpoint
        host = f"{endpoint.host}:{endpoint.port}".encode("ascii")
        headers = [(b"host", host), (b"content-type", MEDIA_TYPE)]
        data = request_stream("POST", LINK_TARGET, headers, envelope)
        self._plain.send(data, is_head=False, timeout_s=timeout_s, done=done)

    def _best(self) -> "CallingConnection | None":
        usable = [one for one in self._connections if one.is_usable]
        return min(usable, key=lambda one: one.in_flight) if usable else None

    def _connect(self) -> None:
        if self._connecting is None:
            self._connecting = self._loop.create_task(self._open())

    async def _open(self) -> None:
        def make() -> CallingConnection:
            endpoint = self._endpoint
            return CallingConnection(
                self._loop, self._limits, endpoint.is_peer, self._forget, endpoint.spools
            )

        try:
            made = await connect(self._endpoint, make)
        finally:
            self._connecting = None
        waiting, self._waiting = self._waiting, []
        if isinstance(made, Failure):
            self._fail(waiting, made)
        elif not made.is_expected_peer:
            made.cut("wrong_peer")
            self._fail(waiting, Failure(Trouble.WRONG_PEER))
        elif not made.speaks_frames:
            made.cut("speaks_http")
            self._plain_until = self._loop.time() + _PLAIN_FOR_S
            self._go_plainly(waiting)
        else:
            self._connections.append(made)
            for call in waiting:
                if call.done is not None:
                    made.start(call)
            if self._is_closed:
                made.retire()

    @staticmethod
    def _fail(calls: list[_Call], failure: Failure) -> None:
        for call in calls:
            call.finish(failure)

    def _go_plainly(self, calls: list[_Call]) -> None:
        now = self._loop.time()
        for call in calls:
            done, call.done = call.done, None
            if call.timer is not None:
                call.timer.cancel()
            if done is not None:
                self._send_plainly(call.data, max(call.deadline - now, 0.1), done)

    def _forget(self, connection: "CallingConnection") -> None:
        if connection in self._connections:
            self._connections.remove(connection)

    def _on_timeout(self, call: _Call) -> None:
        left_s = call.deadline - self._loop.time()
        if left_s > 0.001 and call.done is not None:
            # A large body moved since.
            call.timer = self._loop.call_later(left_s, self._on_timeout, call)
            return
        if call.where is not None:
            connection, stream = call.where
            connection.give_up(stream)
        call.finish(Failure(Trouble.TIMEOUT))

    def _on_tick(self) -> None:
        now = self._loop.time()
        for connection in list(self._connections):
            connection.check_deadline(now)
        if self._is_closed and not self._connections and self._connecting is None:
            self._tick = None
            return
        self._tick = self._loop.call_later(1.0, self._on_tick)


class CallingConnection(LinkConnection):
    """One connection to a node."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: LinkLimits,
        is_peer: Callable[[ssl.SSLObject], bool] | None,
        forget: "Callable[[CallingConnection], None]",
        spools: Spools | None = None,
    ) -> None:
        super().__init__(loop, limits, spools)
        self._is_peer = is_peer
        self._forget = forget
        self._calls: dict[int, _Call] = {}
        self._next = 1
        self._is_retired = False
        self.is_expected_peer = True
        self.speaks_frames = False

    @property
    def has_work(self) -> bool:
        """Whether answers are awaited."""
        return bool(self._calls)

    @property
    def in_flight(self) -> int:
        """How many answers are awaited."""
        return len(self._calls)

    @property
    def is_usable(self) -> bool:
        """Whether a request may be begun here."""
        return not self._is_retired and not self._is_ended and self.in_flight < self._limits.streams

    @property
    def is_crowded(self) -> bool:
        """Whether another connection would help."""
        return self.in_flight >= _CROWDED or self._paused_at is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Check who answered before a byte is sent."""
        super().connection_made(transport)
        shown: ssl.SSLObject = transport.get_extra_info("ssl_object")
        if self._is_peer is not None:
            self.is_expected_peer = self._is_peer(shown)
        self.speaks_frames = shown.selected_alpn_protocol() == ALPN

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell all who wait."""
        super().connection_lost(exc)
        self._forget(self)
        detail = "the other end closed" if exc is None else str(exc)
        calls, self._calls = self._calls, {}
        for call in calls.values():
            # As with HTTP: nothing was heard since, so the request may not have been read.
            is_unseen = self.heard_at < call.sent_at
            call.finish(Failure(Trouble.LOST, detail, is_unseen=is_unseen))

    def start(self, call: _Call) -> None:
        """Send a request."""
        if self._is_ended:
            lost = Failure(Trouble.LOST, "closed while idle", is_unseen=True)
            self._loop.call_soon(call.finish, lost)
            return
        stream, self._next = self._next, self._next + 1
        if self._next >= frames.LARGEST_STREAM:
            self._is_retired = True
        self._calls[stream] = call
        call.where = (self, stream)
        call.sent_at = self._loop.time()
        data, call.data = call.data, b""
        self.write_message(stream, FrameKind.REQUEST, b"", data)

    def give_up(self, stream: int) -> None:
        """Want no answer any more; when nothing at all came, ask whether anybody is there."""
        call = self._calls.pop(stream, None)
        if call is not None:
            self.drop(stream)
            self.write(frames.cancel(stream, Cancel.UNWANTED))
            if self.heard_at < call.sent_at:
                self.ping()
            self._close_if_done()

    def retire(self) -> None:
        """Begin nothing more; close when all is answered."""
        self._is_retired = True
        self._close_if_done()

    def on_frame(self, frame: Frame) -> None:
        """Take an answer, a piece of one, or a refusal."""
        stream = frame.stream
        if frame.kind is FrameKind.GOAWAY:
            self._on_goaway(frames.read_number(frame.payload))
        elif stream >= self._next or frame.kind is FrameKind.REQUEST:
            raise FrameError(f"{frame.kind.name} on stream {stream} from the called")
        elif frame.kind is FrameKind.ANSWER:
            number, payload = frames.read_status(frame.payload)
            if stream in self._incoming:
                raise FrameError(f"a second answer on stream {stream}")
            if stream in self._calls:
                self.begin_message(frame, number, payload)
        elif frame.kind is FrameKind.MORE:
            self.continue_message(frame)
        else:
            why = frames.read_cancel(frame.payload)
            self._fail(stream, Failure(_TROUBLES.get(why, Trouble.LOST), why.name.lower()))

    def on_no_room(self, stream: int, reason: str) -> None:
        """Want no more of an answer that finds no room."""
        del reason  # counted and told when it was refused
        self.write(frames.cancel(stream, Cancel.UNWANTED))
        self._fail(stream, Failure(Trouble.NO_ROOM))

    def on_body_gone(self, stream: int) -> None:
        """End a request whose caller left."""
        self._fail(stream, Failure(Trouble.LOST, "the request is gone"))

    def on_moved(self, stream: int) -> None:
        """Begin the time for the answer anew."""
        call = self._calls.get(stream)
        if call is not None:
            call.deadline = self._loop.time() + call.timeout_s

    def on_message(self, stream: int, status: int, data: bytes | Body) -> None:
        """Hand on an answer."""
        self.drop(stream)  # an answer may come before the request is written to the end
        call = self._calls.pop(stream, None)
        if call is not None:
            kind = MEDIA_TYPE if status == 200 else b"application/json"
            call.finish(Reply(status, "", [(b"content-type", kind)], data))
        self._close_if_done()

    def on_too_large(self, stream: int) -> None:
        """Refuse an answer."""
        self.write(frames.cancel(stream, Cancel.TOO_LARGE))
        self._fail(stream, Failure(Trouble.TOO_LARGE))

    def _fail(self, stream: int, failure: Failure) -> None:
        self.drop(stream)
        call = self._calls.pop(stream, None)
        if call is not None:
            call.finish(failure)
        self._close_if_done()

    def _on_goaway(self, last: int) -> None:
        self._is_retired = True
        for stream in [one for one in self._calls if one > last]:
            self._fail(stream, Failure(Trouble.STOPPING))
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._is_retired and not self._calls and not self._is_ended:
            self.close()
