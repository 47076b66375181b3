"""Which information system asks at this node's own port."""

from pencere.gateway.clients import problem_of
from pencere.gateway.directory.model import Directory
from pencere.gateway.exchange.core import Core
from pencere.gateway.wire.faults import Kind, client_fault
from pencere.gateway.wire.identifiers import parse_client
from pencere.kernel.http.message import Request


def identify(core: Core, directory: Directory, request: Request) -> str:
    """Return the system that asks at this node's own port, proved by its certificate or key."""
    values = request.values
    raw = values.get(b"x-road-client")
    if raw is None:
        raise client_fault(
            Kind.INVALID_CLIENT_IDENTIFIER,
            "Required client identifier is missing. Example: X-Road-Client: AZ/GOV/idda/portal",
        )
    client = parse_client(raw.decode("latin-1"))
    node = directory.nodes.get(core.config.node)
    if client not in directory.members or node is None or client not in node.serves:
        raise client_fault(Kind.UNKNOWN_MEMBER, f"Client '{client}' not found at this node")
    known = core.node_file.current
    if not known.is_open:
        key = values.get(b"pencere-client-key", b"")
        problem = problem_of(known.clients, client, key, request.peer)
        if problem:
            raise client_fault(
                Kind.SSL_AUTHENTICATION_FAILED, f"{problem}. The operator of the node can tell why"
            )
    return client
