"""What a node alone has: its key, and the secrets of its log."""

from pencere.cli.roles.node_keys import NodeKeyBox
from pencere.cli.roles.nodes import node_of
from pencere.kernel.clock import SystemClock
from pencere.ops.installation import Installation


def key_box(installation: Installation, role: str) -> NodeKeyBox:
    """Return where a node's key lies, which is renewed while it runs."""
    return NodeKeyBox(
        installation.keys / role,
        installation.secret(f"keys/{role}"),
        node=node_of(role).identifier,
        register=installation.address("office"),
        enrolment=f"https://127.0.0.1:{installation.port('trust-tls')}",
        root=installation.pki / "root.crt",
        clock=SystemClock(),
    )


def older_secrets(installation: Installation, role: str) -> tuple[str, ...]:
    """Return the secrets that a node's log was sealed with before, the first one last."""
    kept = installation.secrets / "node" / f"{role}.older"
    return tuple(kept.read_text("ascii").split()) if kept.exists() else ()
