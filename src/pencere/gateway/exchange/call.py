"""One request to the provider's node itself, as the services that it answers see it."""

from collections.abc import Callable
from dataclasses import dataclass

from pencere.gateway.directory.model import Directory
from pencere.gateway.directory.rights import Grant
from pencere.gateway.exchange.core import Circumstances, Core
from pencere.gateway.log.usage import UsageReader
from pencere.gateway.wire.faults import Fault, Kind, server_fault
from pencere.gateway.wire.head import Headers, RequestHead
from pencere.gateway.wire.identifiers import ServiceTarget
from pencere.kernel.http.body import Body

Answer = tuple[int, Headers, bytes]
Done = Callable[[Answer | Fault], None]


@dataclass(frozen=True, slots=True)
class Call:
    """Verified, allowed and logged. A handler may raise a Fault, or calls `done` once."""

    core: Core
    usage: UsageReader
    directory: Directory
    exchange: str
    client: str
    target: ServiceTarget
    head: RequestHead
    body: bytes | Body
    facts: Circumstances
    grant: Grant
    # Tells the other node that its request is worked on.
    alive: Callable[[], None] | None = None

    @property
    def small_body(self) -> bytes:
        """The body, which the node's own services take only from memory."""
        if not isinstance(self.body, bytes):
            raise server_fault(
                Kind.MESSAGE_TOO_LARGE,
                f"{self.target.service} takes no body of {len(self.body)} bytes",
            )
        return self.body
