"""A request as the server hands it on, and the limits it holds callers to."""

from dataclasses import dataclass, field

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Request:
    """One complete request. `target` is raw; `headers` keep order, case, and repeats.

    `peer` names who is at the other end of the TLS connection, where that was asked for.
    """

    method: str
    target: str
    headers: Headers
    body: bytes
    peer: str = ""
    _index: dict[bytes, bytes] | None = field(default=None, repr=False)

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
    header_count: int = 200
    connections: int = 4096
    pipelined: int = 16
    head_s: float = 10.0
    body_s: float = 60.0
    idle_s: float = 75.0
    write_s: float = 60.0
