"""The two gateway nodes of an installation: whose they are, where their keys lie."""

from dataclasses import dataclass

from pencere.ops.installation import Installation
from pencere.trust.keystore import Keystore


@dataclass(frozen=True)
class Node:
    """A node of the gateway; `body` answers for it."""

    role: str
    identifier: str
    body: str
    database: str


NODES = (
    Node("gateway-portal", "AZ/GOV/idda/node", "idda", "gateway_portal"),
    Node("gateway-agencies", "AZ/GOV/azintelecom/node", "azintelecom", "gateway_agencies"),
)


def node_of(role: str) -> Node:
    """Return the node that a role runs."""
    return next(node for node in NODES if node.role == role)


def node_keystore(installation: Installation, node: Node) -> Keystore:
    """Return the node's own keys: one, named `node`, for mutual TLS and for its messages."""
    return Keystore(installation.keys / node.role, installation.secret(f"keys/{node.role}"))
