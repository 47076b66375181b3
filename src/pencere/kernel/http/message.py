"""A request as the server hands it on, and the limits it holds callers to."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pencere.kernel.http.body import Body

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Request:
    """One complete request. `target` is raw; `headers` keep order, case, and repeats.

    `peer` names who is at the other end of the TLS connection, where that was asked for. A body
    larger than `Limits.stream_bytes` is a `Body`, where the server has spools; it is closed when
    the request is answered. `alive` tells a caller who waits long that its request is worked on.
    """

    method: str
    target: str
    headers: Headers
    body: bytes | Body
    peer: str = ""
    alive: Callable[[], None] | None = field(default=None, repr=False, compare=False)
    _index: dict[bytes, bytes] | None = field(default=None, repr=False)

    @property
    def small_body(self) -> bytes:
        """The body where none is taken that does not fit into memory."""
        if not isinstance(self.body, bytes):
            raise TypeError("a large body came where none is taken")
        return self.body

    def header(self, lower_name: bytes) -> bytes | None:
        """Return the value of a header by its lower-case name; of several the last."""
        return self.values.get(lower_name)

    @property
    def values(self) -> dict[bytes, bytes]:
        """Lower-case name to value; of several the last. Made once."""
        if self._index is None:
            self._index = {name.lower(): value for name, value in self.headers}
        return self._index


@dataclass(frozen=True, slots=True)
class Limits:
    """What one caller may take of a server. Seconds and bytes."""

    head_bytes: int = 64 * 1024
    body_bytes: int = 10 * 1024 * 1024
    # More is not kept in memory, where the server has spools.
    stream_bytes: int = 1024 * 1024
    header_count: int = 200
    connections: int = 4096
    pipelined: int = 16
    head_s: float = 10.0
    body_s: float = 60.0
    idle_s: float = 75.0
    write_s: float = 60.0
    # How much of a body, and how long, a caller that was refused may send on, to be told so.
    linger_bytes: int = 64 * 1024 * 1024
    linger_s: float = 5.0
