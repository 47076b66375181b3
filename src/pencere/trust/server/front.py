"""The listening socket of the certification centre: /ocsp and /tsa first, all else to the app.

Status and time-stamps are asked for more often than everything else together. They are answered
in the callback that the bytes arrive in; a head that was parsed once is compared as bytes when it
comes again. Whatever is not exactly that goes the long way, through the parser and to Starlette.
Why no ASGI server: docs/decisions/0014-http-front.md.
"""

import asyncio
import json
import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from prometheus_client import Counter
from starlette.applications import Starlette

from pencere.kernel.http.connection import Connection
from pencere.kernel.http.message import Headers, Limits, Request
from pencere.kernel.http.server import HttpServer, Respond
from pencere.trust import ocsp_request, timestamps
from pencere.trust.server.answers import Presigned
from pencere.trust.server.asgi import Bridge
from pencere.trust.server.state import State
from pencere.trust.server.status import caching_headers, decode_path
from pencere.trust.signers import SoftwareSigner

log = logging.getLogger(__name__)

LARGEST_BODY = 64 * 1024 * 1024
_OCSP, _TSA = b"/ocsp", b"/tsa"
_LARGEST = {_OCSP: ocsp_request.LARGEST_REQUEST, _TSA: timestamps.LARGEST_REQUEST}
_MOST_HEADS = 4096
_LARGEST_HEAD = 1024
_GRACE_S = 5.0
_CODES = {
    408: "request.slow", 413: "request.too_large", 431: "request.head_too_large",
    500: "incident",
}  # fmt: skip

_OCSP_TYPE = (b"content-type", b"application/ocsp-response")
_OCSP_HEADERS: Headers = [_OCSP_TYPE, (b"cache-control", b"no-store")]
_TSA_HEADERS: Headers = [(b"content-type", b"application/timestamp-reply")]
_OCSP_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/ocsp-response\r\ncache-control: no-store\r\n"
)
_TSA_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/timestamp-reply\r\n"


@dataclass(frozen=True, slots=True)
class _Head:
    """A head as it came before: whoever sends the same bytes means the same."""

    answer: Callable[[bytes], bytes | None]
    length: int
    start: bytes
    end: bytes
    keep_alive: bool


class Front(HttpServer):
    """The server; `app` gets what is neither a request for status nor for a time-stamp."""

    def __init__(self, app: Starlette, *, limits: Limits | None = None) -> None:
        state = _state_of(app)
        limits = limits or Limits(body_bytes=LARGEST_BODY, connections=8192)
        super().__init__(self._handle, _refusal, limits)
        self.heads: dict[bytes, _Head] = {}
        self._state = state
        self._bridge = Bridge(app)
        answers = state.metrics.answers
        self._ocsp_count, self._tsa_count = (
            answers.labels("ocsp", "200"),
            answers.labels("tsa", "200"),
        )
        self._get_count = answers.labels("ocsp_get", "200")
        self._is_stamping_quick = isinstance(state.time_stamps.signer, SoftwareSigner)

    def ocsp_now(self, body: bytes) -> bytes | None:
        """Answer a request for status, if nobody has to be waited for."""
        answer = self._state.answers.now(body)
        if answer is not None:
            self._ocsp_count.inc()
        return answer

    def stamp_now(self, body: bytes) -> bytes | None:
        """Answer a request for a time-stamp, if nobody has to be waited for."""
        if not self._is_stamping_quick:
            return None
        self._tsa_count.inc()
        return self._state.time_stamps.respond(body)

    def learn(self, head: bytes, request: Request, *, keep_alive: bool) -> None:
        """Remember a head that was parsed, if it is one of the two that are asked for most."""
        target = request.target.encode("latin-1")
        if request.method != "POST" or target not in _LARGEST or len(head) > _LARGEST_HEAD:
            return
        if target == _TSA and not _is_time_stamp_query(request):
            return
        if len(self.heads) >= _MOST_HEADS:
            self.heads.clear()
        self.heads[head] = _Head(
            self.ocsp_now if target == _OCSP else self.stamp_now,
            len(request.body),
            (_OCSP_HEAD if target == _OCSP else _TSA_HEAD) + b"content-length: ",
            b"\r\n\r\n" if keep_alive else b"\r\nconnection: close\r\n\r\n",
            keep_alive,
        )

    def _handle(self, request: Request, respond: Respond) -> None:
        method, target = request.method, request.target
        if method == "POST" and target == "/ocsp":
            self._ask(request.small_body, respond, self._ocsp_count, is_get=False)
        elif method == "GET" and target.startswith("/ocsp/"):
            self._ask(decode_path(target), respond, self._get_count, is_get=True)
        elif method == "POST" and target == "/tsa" and _is_time_stamp_query(request):
            self._stamp(request.small_body, respond)
        else:
            self._bridge.handle(request, respond)

    def _ask(self, encoded: bytes, respond: Respond, count: Counter, *, is_get: bool) -> None:
        began = perf_counter()

        def answer(body: bytes, presigned: Presigned | None) -> None:
            count.inc()
            self._state.metrics.seconds.labels("ocsp").observe(perf_counter() - began)
            headers = _OCSP_HEADERS
            if is_get:
                found = caching_headers(presigned, self._state.clock.now())
                headers = [_OCSP_TYPE, *((n.encode(), v.encode()) for n, v in found.items())]
            respond(200, headers, body)

        self._state.answers.ask(encoded, answer)

    def _stamp(self, encoded: bytes, respond: Respond) -> None:
        if self._is_stamping_quick:
            self._tsa_count.inc()
            respond(200, _TSA_HEADERS, self._state.time_stamps.respond(encoded))
            return
        stamping = asyncio.get_running_loop().run_in_executor(
            None, self._state.time_stamps.respond, encoded
        )

        def stamped(future: asyncio.Future[bytes]) -> None:
            self._tsa_count.inc()
            respond(200, _TSA_HEADERS, future.result())

        stamping.add_done_callback(stamped)

    async def run(self, host: str, port: int, *, is_port_shared: bool = False) -> None:
        """Serve until SIGTERM or SIGINT; then take no more, and answer what is in work."""
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told.set)
        async with self._bridge.app.router.lifespan_context(self._bridge.app):
            await self.start(host, port, is_port_shared=is_port_shared)
            log.info("trust_serving address=%s:%d", host, port)
            await told.wait()
            log.info("trust_stopping")
            await self.stop(_GRACE_S)
            await self._bridge.stop()


class FrontConnection(Connection):
    """A caller of the front."""

    _server: Front

    def __init__(self, server: Front, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(server, loop)
        self._parsed: list[tuple[Request, bool]] = []

    def data_received(self, data: bytes) -> None:
        """Answer at once what was asked in the same words before; else parse."""
        if not self.is_between_messages:
            super().data_received(data)
            return
        end = data.find(b"\r\n\r\n") + 4
        head = self._server.heads.get(data[:end])
        if head is not None and len(data) == end + head.length:
            body = None if self._server.is_draining else head.answer(data[end:])
            if body is not None and self._transport is not None:
                self._transport.write(b"%s%d%s%s" % (head.start, len(body), head.end, body))
                if head.keep_alive:
                    self._set_idle_or_busy()
                else:
                    self._close()
                return
        self._parsed.clear()
        super().data_received(data)
        if len(self._parsed) == 1 and end > 4 and head is None:
            request, keep_alive = self._parsed[0]
            # Whole in these bytes, not in chunks, and alone in them.
            if end + len(request.body) == len(data):
                self._server.learn(data[:end], request, keep_alive=keep_alive)

    def on_message_complete(self) -> None:
        """Keep the request for `learn`."""
        super().on_message_complete()
        self._parsed.append(self._queue[-1])

    def largest_body(self, target: bytes) -> int:
        """Return how many bytes of body a request for `target` may have."""
        return _LARGEST.get(target, self._limits.body_bytes)


Front.connection = FrontConnection


def _state_of(app: Starlette) -> State:
    state: State = app.state.trust
    return state


def _is_time_stamp_query(request: Request) -> bool:
    kind = request.header(b"content-type") or b""
    return kind.split(b";")[0].strip() == b"application/timestamp-query"


def _refusal(status: int, message: str) -> tuple[int, Headers, bytes]:
    """Word a refusal of the server itself as the app words its own."""
    del message  # of the gateway's protocol
    body = json.dumps({"error": _CODES.get(status, "request.malformed")}).encode()
    return status, [(b"content-type", b"application/json")], body
