"""What the listeners of a node take: large bodies go to services, and from node to node."""

from dataclasses import replace

from pencere.gateway.exchange.peers import streamed_above
from pencere.kernel.http.body import Body, Stream
from pencere.kernel.http.connection import Connection
from pencere.kernel.http.message import Limits


class ClientConnection(Connection):
    """A client: large bodies go to services, not to the node itself."""

    def largest_body(self, target: bytes) -> int:
        """Return how many bytes of body a request for `target` may have."""
        limits = self._limits
        if target.startswith(b"/r1/"):
            return limits.body_bytes
        return min(limits.body_bytes, limits.stream_bytes)


def small(body: bytes | Body | Stream) -> bytes:
    """Return the body of a fault, which is always bytes."""
    return body if isinstance(body, bytes) else b""


def link_limits(limits: Limits) -> Limits:
    """Return the limits between nodes: an envelope is a message with its head and evidence."""
    return replace(
        limits,
        body_bytes=limits.body_bytes + 2 * limits.head_bytes,
        stream_bytes=streamed_above(limits),
        idle_s=120.0,
    )
