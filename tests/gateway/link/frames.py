"""A caller that speaks frames by hand, well or badly."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from tests.gateway.conftest import Pair

from pencere.gateway.link.frames import ALPN, Frame, FrameKind, FrameReader


class Caller:
    """One connection to the provider's link."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self.socket = connection
        self._reader = FrameReader()
        self._waiting: list[Frame] = []

    def send(self, *data: bytes) -> None:
        self.socket.sendall(b"".join(data))

    def next(self) -> Frame | None:
        """The next frame; none at the end of the connection."""
        while not self._waiting:
            try:
                data = self.socket.recv(65536)
            except (ConnectionError, ssl.SSLError):
                return None
            if not data:
                return None
            self._waiting = self._reader.feed(data)
        return self._waiting.pop(0)

    def rest(self) -> list[Frame]:
        """What comes until the end."""
        found = []
        while (frame := self.next()) is not None:
            found.append(frame)
        return found

    def message(self, stream: int) -> bytes:
        """The whole answer on a stream, without its status."""
        parts: list[bytes] = []
        while True:
            frame = self.next()
            assert frame is not None
            if frame.stream != stream or frame.kind is FrameKind.CREDIT:
                continue
            parts.append(frame.payload)
            if frame.is_last:
                return b"".join(parts)[2:]


@contextmanager
def caller(pair: Pair, at: int = 1) -> Iterator[Caller]:
    context = ssl.create_default_context(cafile=str(pair.anchors))
    context.check_hostname = False
    context.load_cert_chain(*map(str, pair.files[0]))
    context.set_alpn_protocols([ALPN])
    with (
        socket.create_connection(("127.0.0.1", pair.link_ports[at]), timeout=10) as plain,
        context.wrap_socket(plain) as connection,
    ):
        assert connection.selected_alpn_protocol() == ALPN
        yield Caller(connection)
