"""A time-stamping authority on a real socket, with a clock of its own."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.gateway.conftest import free_port

from pencere.gateway.throwaway import make_key
from pencere.kernel.clock import FixedClock, SystemClock
from pencere.trust.roles import Role
from pencere.trust.signers import SoftwareSigner
from pencere.trust.steady_clock import SteadyClock
from pencere.trust.timestamps import TimeStampUnit


class Authority:
    """A time-stamping authority that may be away, with a clock that a test may set."""

    def __init__(self, port: int, clock: FixedClock) -> None:
        self.url = f"http://127.0.0.1:{port}/tsa"
        self.clock = clock
        self.is_away = False


@pytest.fixture
def authority() -> Iterator[Authority]:
    clock = FixedClock(SystemClock().now())
    key = make_key("tsa", clock)
    unit = TimeStampUnit(
        SoftwareSigner(key.key, (key.certificate,), Role.TIME_STAMP),
        "1.3.6.1.4.1.0.1",
        SteadyClock(clock, None),
    )
    port = free_port()
    found = Authority(port, clock)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            body = b"" if found.is_away else unit.respond(asked)
            self.send_response_only(503 if found.is_away else 200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        allow_reuse_address = True
        daemon_threads = True

    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()
