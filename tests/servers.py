"""Small HTTP servers of tests, each in a thread of the test's process."""

import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def serving(
    handler: type[BaseHTTPRequestHandler], *, port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Serve on this machine until the end of the block; give the port, by default a free one."""

    class Quiet(handler):
        def log_message(self, *args: object) -> None:
            """Write no line for each request."""

    server = _Server(("127.0.0.1", port), Quiet)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Who hangs up, or does not believe us, is no error of the test."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)
