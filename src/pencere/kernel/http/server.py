"""HTTP/1.1 server: a listening socket and its connections, on httptools callbacks.

The sweep once a second sees to every deadline, so that no message needs a timer of its own.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from pencere.kernel.http.body import Body, Stream
from pencere.kernel.http.connection import Connection
from pencere.kernel.http.message import Headers, Limits, Request

if TYPE_CHECKING:
    from pencere.kernel.http.spool import Span, Spools


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


class HttpServer:
    """One listening socket and its connections."""

    # A server of another kind of connection says so here.
    connection: type[Connection] = Connection

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
