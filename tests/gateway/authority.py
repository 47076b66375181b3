"""A time-stamping authority on a real socket, with a clock of its own."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from tests.servers import serving

from pencere.gateway.throwaway import make_key
from pencere.kernel.clock import FixedClock, SystemClock
from pencere.trust.roles import Role
from pencere.trust.signers import SoftwareSigner
from pencere.trust.steady_clock import SteadyClock
from pencere.trust.timestamps import TimeStampUnit


class Authority:
    """A time-stamping authority that may be away, with a clock that a test may set."""

    def __init__(self, clock: FixedClock) -> None:
        self.url = ""
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
    found = Authority(clock)

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

    with serving(Handler) as port:
        found.url = f"http://127.0.0.1:{port}/tsa"
        yield found
