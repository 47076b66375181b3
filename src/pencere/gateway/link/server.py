"""The called side: a listener that speaks what the caller chose in TLS, frames or HTTP/1.1."""

import asyncio
import logging
import ssl
from functools import partial

import aiofastnet

from pencere.gateway.link import frames
from pencere.gateway.link.connection import LinkConnection, LinkLimits
from pencere.gateway.link.frames import ALPN, Cancel, Frame, FrameError, FrameKind
from pencere.gateway.wire.envelope import MEDIA_TYPE, body_span
from pencere.kernel.http import body as bodies
from pencere.kernel.http.body import Body, Stream
from pencere.kernel.http.connection import Connection
from pencere.kernel.http.message import Headers, Limits, Request
from pencere.kernel.http.server import Admit, Handler, HttpServer, Refusal

log = logging.getLogger(__name__)
LINK_TARGET = "/exchange"


class LinkServer(HttpServer):
    """The node's link. Requests of both ways reach the same handler."""

    def __init__(
        self, handler: Handler, refusal: Refusal, limits: Limits, admit: Admit, link: LinkLimits
    ) -> None:
        super().__init__(handler, refusal, limits, admit)
        self.link = link
        self.span = body_span

    async def listen(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        *,
        is_port_shared: bool,
    ) -> asyncio.Server:
        """Listen with the faster TLS."""
        loop = asyncio.get_running_loop()
        return await aiofastnet.create_server(
            loop,
            lambda: _Door(self, loop),
            host,
            port,
            backlog=1024,
            reuse_address=True,
            reuse_port=is_port_shared or None,
            ssl=tls,
            ssl_handshake_timeout=10.0 if tls else None,
        )


class _Door(asyncio.Protocol):
    """Hands a connection on once it is known what it speaks."""

    def __init__(self, server: LinkServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        shown: ssl.SSLObject = transport.get_extra_info("ssl_object")
        inner: asyncio.Protocol = (
            CalledConnection(self._server, self._loop)
            if shown.selected_alpn_protocol() == ALPN
            else Connection(self._server, self._loop)
        )
        transport.set_protocol(inner)
        inner.connection_made(transport)


class CalledConnection(LinkConnection):
    """One caller that speaks frames."""

    def __init__(self, server: LinkServer, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop, server.link, server.spools)
        self._server = server
        self._peer = ""
        self._last = 0
        # Requests in work; False when the caller wants no answer any more.
        self._work: dict[int, bool] = {}
        self._is_draining = False

    @property
    def has_work(self) -> bool:
        """Whether requests are in work."""
        return bool(self._work)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bind the connection to its peer, or refuse it."""
        super().connection_made(transport)
        server = self._server
        if len(server.connections) >= server.limits.connections or server.is_draining:
            self.cut("no_room")
            return
        assert server.admit is not None  # noqa: S101  # the link always asks who calls
        self._peer = server.admit(transport.get_extra_info("ssl_object"))
        if not self._peer:
            self.cut("unknown_peer")
            return
        # HttpServer counts, sweeps and stops what has these four methods.
        server.connections.add(self)  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the caller; what is in work goes on and is logged."""
        super().connection_lost(exc)
        self._server.forget(self)  # type: ignore[arg-type]

    # In

    def on_frame(self, frame: Frame) -> None:
        """Take a request, a piece of one, or the end of one."""
        stream = frame.stream
        if frame.kind is FrameKind.REQUEST:
            if stream <= self._last:
                raise FrameError(f"stream {stream} after {self._last}")
            self._begin(frame)
        elif frame.kind is FrameKind.MORE and stream <= self._last:
            self.continue_message(frame)
        elif frame.kind is FrameKind.CANCEL and stream <= self._last:
            frames.read_cancel(frame.payload)
            self.drop(stream)
            if stream in self._work:
                self._work[stream] = False
        else:
            raise FrameError(f"{frame.kind.name} on stream {stream} from a caller")

    def _begin(self, frame: Frame) -> None:
        if self._is_draining:
            # The caller had not read GOAWAY yet, whose number stays true.
            self.write(frames.cancel(frame.stream, Cancel.STOPPING))
            return
        self._last = frame.stream
        if len(self._work) + len(self._incoming) >= self._limits.streams:
            self.write(frames.cancel(frame.stream, Cancel.BUSY))
            return
        self.begin_message(frame, 0, frame.payload)

    def on_too_large(self, stream: int) -> None:
        """Refuse, as the plain way does."""
        self._answer(stream, *self._server.refusal(413, "the message is larger than allowed"))

    def on_no_room(self, stream: int, reason: str) -> None:
        """Refuse, as the plain way does."""
        self._answer(stream, *self._server.refusal(503, reason))

    def on_message(self, stream: int, status: int, data: bytes | Body) -> None:
        """Hand a request to the node."""
        del status
        self._work[stream] = True
        headers = [(b"content-type", MEDIA_TYPE)]
        alive = partial(self._alive, stream)
        request = Request("POST", LINK_TARGET, headers, data, self._peer, alive)

        def respond(
            status: int, headers: Headers, body: bytes | Body | Stream, reason: str = "", /
        ) -> None:
            del reason
            if not isinstance(data, bytes):
                data.close()
            if self._work.pop(stream, False):
                self._answer(stream, status, headers, body)
            else:
                bodies.close(body)
            self._close_if_done()

        try:
            self._server.handler(request, respond)
        except Exception:
            log.exception("link_handler_failed")
            respond(*self._server.refusal(500, "the node failed on this request"))

    # Out

    def _alive(self, stream: int) -> None:
        """Tell the caller that its request is worked on: credit for what it sent to the end."""
        if self._work.get(stream, False):
            self.write(frames.credit(stream, 1))

    def _answer(
        self, stream: int, status: int, headers: Headers, body: bytes | Body | Stream
    ) -> None:
        del headers  # an envelope, or JSON of a refusal: the status tells which
        self.write_message(stream, FrameKind.ANSWER, frames.status(status), body)

    def on_written(self) -> None:
        """Close after the last answer."""
        self._close_if_done()

    # Ending

    def close_when_idle(self) -> None:
        """Take no more requests, answer what is in work, then close."""
        if not self._is_draining:
            self._is_draining = True
            for stream in list(self._incoming):
                self.write(frames.cancel(stream, Cancel.STOPPING))
                self.drop(stream)
            self.write(frames.goaway(self._last, "stopping"))
        self._close_if_done()

    def _close_if_done(self) -> None:
        if (
            self._is_draining
            and not self._is_ended
            and not self._work
            and not self._outgoing
            and self._paused_at is None
        ):
            self.close()
