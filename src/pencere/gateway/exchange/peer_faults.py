"""What went wrong with another node, as its caller's client is told."""

import json

from pencere.gateway.directory.model import NodeEntry
from pencere.gateway.http.outcomes import Failure, Reply, Trouble
from pencere.gateway.wire.faults import Fault, Kind, client_fault
from pencere.kernel.http.body import Body


def network_fault(failure: Failure, peer: NodeEntry) -> tuple[Kind, str]:
    """Return why a node gave no answer."""
    message = f"Node {peer.identifier}: {failure.trouble.value}"
    if failure.trouble is Trouble.WRONG_PEER:
        return Kind.SSL_AUTHENTICATION_FAILED, message
    if failure.trouble is Trouble.TIMEOUT:
        return Kind.TIMEOUT, message
    if failure.trouble is Trouble.TOO_LARGE:
        return Kind.MESSAGE_TOO_LARGE, message
    if failure.trouble is Trouble.STOPPING:
        return Kind.STOPPING, message
    if failure.trouble in {Trouble.BUSY, Trouble.NO_ROOM}:
        return Kind.OVERLOADED, message
    if failure.trouble is Trouble.LOST and not failure.is_unseen:
        # Under TLS 1.3 a refused certificate shows as a bare end after the handshake.
        message += "; it may have failed, or not accept this node's certificate"
    return Kind.NETWORK_ERROR, message


def node_fault(reply: Reply, peer: NodeEntry) -> Fault:
    """Return what the other node refused before it could sign an answer to this request."""
    try:
        content = json.loads(reply.small_body)
        return Fault.from_node(content["kind"], content)
    except (ValueError, KeyError, TypeError):
        return client_fault(
            Kind.NETWORK_ERROR, f"Node {peer.identifier} answered with status {reply.status}"
        )


def carried_fault(kind: bytes, body: bytes | Body) -> Fault:
    """Return the fault that a signed answer carries."""
    try:
        if not isinstance(body, bytes):
            raise TypeError("a fault is small")  # noqa: TRY301  # worded below
        content = json.loads(body)
        return Fault.from_node(kind.decode("ascii"), content)
    except (ValueError, KeyError, TypeError):
        return client_fault(Kind.INCONSISTENT_RESPONSE, "the other node's fault is unreadable")
