"""A gateway node: one asyncio process of its own, with the thread that orders its log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography import x509

from pencere.cli.roles.ledger import start_sequencer
from pencere.cli.roles.nodes import node_keystore, node_of
from pencere.cli.roles.server import log_to_stderr
from pencere.gateway.config import NodeConfig
from pencere.gateway.node import run
from pencere.ledger.sequencer import Sequencer
from pencere.ops.installation import Installation
from pencere.trust import signed_json
from pencere.trust.stamping import verify_token


def serve(installation: Installation, role: str) -> None:
    """Run until told to stop."""
    log_to_stderr()
    sequencer = start_sequencer(installation, role)
    try:
        run(_config(installation, role, sequencer))
    finally:
        sequencer.stop()


def _config(installation: Installation, role: str, sequencer: Sequencer) -> NodeConfig:
    node = node_of(role)
    folder = installation.keys / role
    anchors = x509.load_pem_x509_certificates((installation.pki / "root.crt").read_bytes())

    def verify_directory(jws: str, at: datetime) -> Mapping[str, Any]:
        payload, _ = signed_json.verify(jws, anchors, at, "directory")
        return payload

    def verify_stamp(token: bytes, digest: bytes) -> datetime:
        return verify_token(token, digest, anchors)

    return NodeConfig(
        node=node.identifier,
        database_url=installation.database_url(node.database),
        secret=installation.secret(f"node/{role}"),
        signer=node_keystore(installation, node).signer("node"),
        tls_certificate=folder / "node.crt",
        tls_key=folder / "node.key",
        tls_key_password=installation.secret(f"keys/{role}"),
        tls_anchors=installation.pki / "node-anchors.pem",
        node_file=installation.run / f"{role}.json",
        directory_file=installation.run / "directory.jws",
        directory_cache=folder / "directory.jws",
        directory_url=f"{installation.address('office')}/stateregister/directory.jws",
        verify_directory=verify_directory,
        verify_token=verify_stamp,
        tsa_url=f"{installation.address('trust')}/tsa",
        client_port=installation.port(role),
        link_port=installation.port(f"{role}-link"),
        ledger=sequencer.check,
    )
