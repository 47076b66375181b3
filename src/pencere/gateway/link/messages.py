"""Messages that are on their way: what was sent of one, and what has come of one."""

from typing import TYPE_CHECKING

from pencere.gateway.link import frames
from pencere.gateway.link.frames import FrameKind
from pencere.kernel.http.body import Body, Source, Stream

if TYPE_CHECKING:
    from pencere.kernel.http.spool import Spool


class _Memory:
    """Takes pieces of bytes, as `Source` does of a stream."""

    __slots__ = ("_at", "_data", "left")

    def __init__(self, data: bytes) -> None:
        self._data, self._at = memoryview(data), 0
        self.left = len(data)

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        piece = bytes(self._data[self._at : self._at + size])
        self._at += size
        self.left -= size
        return piece


class Outgoing:
    """A message on its way out."""

    __slots__ = ("body", "credit", "is_waiting", "kind", "prefix", "since", "source", "stream")

    def __init__(
        self, stream: int, kind: FrameKind, prefix: bytes, data: bytes | Stream | Body, now: float
    ) -> None:
        self.stream, self.kind, self.prefix = stream, kind, prefix
        self.source = _Memory(data) if isinstance(data, bytes) else Source(data)
        # An answer is nobody's once it is sent; a request may be sent again.
        is_own = kind is FrameKind.ANSWER and not isinstance(data, bytes)
        self.body = data if is_own else None
        self.credit = frames.WINDOW_BYTES
        self.is_waiting = False
        self.since = now

    def close(self) -> None:
        """Let go of an answer's file."""
        if self.body is not None and not isinstance(self.body, bytes):
            self.body.close()


class Incoming:
    """A message that is not whole yet. `status` is 0 for a request, `held` what is in memory."""

    __slots__ = ("allowed", "chunks", "held", "is_waiting", "since", "size", "spool", "status")

    def __init__(self, status: int, now: float) -> None:
        self.status = status
        self.chunks: list[bytes] = []
        self.size = self.held = 0
        self.allowed = frames.WINDOW_BYTES
        self.spool: Spool | None = None
        # For the disk, which is behind.
        self.is_waiting = False
        self.since = now
