"""What went wrong with another node, as its caller's client or itself is told."""

import json
from collections.abc import Mapping

from pencere.gateway.directory.model import NodeEntry
from pencere.gateway.http.outcomes import Failure, Reply, Trouble
from pencere.gateway.wire.faults import Fault, Kind, client_fault, server_fault
from pencere.gateway.wire.head import Headers, check_from_consumer, check_from_provider
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
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
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
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return client_fault(Kind.INCONSISTENT_RESPONSE, "the other node's fault is unreadable")


def check_asked(headers: Headers, peer: NodeEntry) -> None:
    """Refuse a request in which the consumer's node says what only this one may.

    Raises:
        Fault: which header, and why.
    """
    try:
        check_from_consumer(headers)
    except ValueError as problem:
        raise server_fault(
            Kind.INVALID_REQUEST, f"node {peer.identifier} sent a header: {problem}"
        ) from problem


def check_answered(headers: Headers, own: Mapping[bytes, bytes], peer: NodeEntry) -> None:
    """Refuse an answer in which the provider's node speaks for this one; `own` is what this says.

    Raises:
        Fault: which header, and why.
    """
    try:
        check_from_provider(headers, own)
    except ValueError as problem:
        raise client_fault(
            Kind.INCONSISTENT_RESPONSE,
            f"node {peer.identifier} answered with a header: {problem}",
        ) from problem
