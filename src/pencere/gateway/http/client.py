"""HTTP/1.1 client: a pool of kept connections to one address.

Nothing is retried here: whether a request may be sent twice is for the caller to know, who is
told whether any of the answer had come. Redirects are answers like others.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from pencere.gateway.http.connecting import connect
from pencere.gateway.http.link import Call, Link
from pencere.gateway.http.outcomes import Done, Endpoint, Failure, Trouble
from pencere.gateway.wire.head import Headers
from pencere.kernel.http.body import Body, Stream


class Pool:
    """Connections to one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._loop = asyncio.get_running_loop()
        self._idle: list[Link] = []
        self._links: set[Link] = set()
        self._waiting: deque[Call] = deque()
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
        call = Call(data, is_head, done, timeout_s, moved)
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

    def _take_idle(self) -> Link | None:
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
        link = await connect(self.endpoint, lambda: Link(self, self._loop))
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

    def release(self, link: Link) -> None:
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

    def opened(self, link: Link) -> None:
        """Count a connection."""
        self._links.add(link)

    def lost(self, link: Link) -> None:
        """Forget a connection."""
        self._links.discard(link)
        if link in self._idle:
            self._idle.remove(link)
        if self._waiting:
            self._connect_if_needed()

    def _on_timeout(self, call: Call) -> None:
        left_s = call.deadline - self._loop.time()
        if left_s > 0 and call.done is not None:
            call.timer = self._loop.call_later(left_s, self._on_timeout, call)
            return
        if call.link is not None:
            call.link.abort()
        call.finish(Failure(Trouble.TIMEOUT))


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
