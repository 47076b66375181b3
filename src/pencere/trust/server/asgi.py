"""A bridge from our own HTTP server to an ASGI application: whole requests, whole answers."""

import asyncio
import logging
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette

from pencere.kernel.http.message import Headers, Request
from pencere.kernel.http.server import Respond

log = logging.getLogger(__name__)

# Set by the server itself.
_OWN = frozenset({b"content-length", b"connection", b"date", b"transfer-encoding"})


class Bridge:
    """Runs each request as a task of the loop."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self._tasks: set[asyncio.Task[None]] = set()

    def handle(self, request: Request, respond: Respond) -> None:
        """Let the application answer."""
        task = asyncio.get_running_loop().create_task(self._run(request, respond))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Cut what is still in work."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1)

    async def _run(self, request: Request, respond: Respond) -> None:
        body = [request.body]
        status, chunks = 500, bytearray()
        headers: Headers = []
        never = asyncio.Event()

        async def receive() -> MutableMapping[str, Any]:
            if body:
                return {"type": "http.request", "body": body.pop(), "more_body": False}
            await never.wait()  # the answer is sent whole, whether or not the caller is there
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [
                    (bytes(name), bytes(value))
                    for name, value in message.get("headers", ())
                    if name.lower() not in _OWN
                ]
            elif message["type"] == "http.response.body":
                chunks.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    respond(status, headers, bytes(chunks))

        try:
            await self.app(_scope(request), receive, send)
        except Exception:
            # Starlette has answered and logged what it raises again.
            respond(500, [(b"content-type", b"application/json")], b'{"error": "incident"}')


def _scope(request: Request) -> dict[str, Any]:
    path, _, query = request.target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers],
        "client": None,
        "server": None,
    }
