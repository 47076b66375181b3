"""A gateway node: one asyncio process of its own, with the thread that orders its log."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from cryptography import x509

from pencere.cli.roles.archive import archived
from pencere.cli.roles.ledger import origin_of, start_sequencer
from pencere.cli.roles.node_keys import NodeKeyBox
from pencere.cli.roles.node_secrets import key_box, older_secrets
from pencere.cli.roles.nodes import node_of
from pencere.cli.roles.server import log_to_stderr
from pencere.gateway.config import NodeConfig
from pencere.gateway.keys import KeyPair
from pencere.gateway.node import run
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Refused
from pencere.ledger.sequencer import Sequencer
from pencere.ops.addresses import Addresses
from pencere.ops.installation import Installation
from pencere.trust import signed_json
from pencere.trust.stamping import verify_token
from pencere.trust.validation import OcspClient


def serve(installation: Installation, role: str) -> None:
    """Run until told to stop."""
    log_to_stderr()
    sequencer = start_sequencer(installation, role)
    try:
        box = key_box(installation, role)
        run(_config(installation, role, box, sequencer), box)
    finally:
        sequencer.stop()


def _config(
    installation: Installation, role: str, box: NodeKeyBox, sequencer: Sequencer
) -> NodeConfig:
    node = node_of(role)
    return given_config(
        installation,
        box.current(),
        node=node.identifier,
        database_url=installation.database_url(node.database),
        secret=installation.secret(f"node/{role}"),
        node_file=installation.run / f"{role}.json",
        directory_file=installation.run / "directory.jws",
        directory_cache=installation.keys / role / "directory.jws",
        spool_folder=installation.run / f"{role}.spool",
        directory_url=f"{installation.address('office')}/stateregister/directory.jws",
        tsa_url=Addresses.of(installation).time_stamps,
        client_port=installation.port(role),
        client_tls_port=installation.port(f"{role}-tls"),
        link_port=installation.port(f"{role}-link"),
        ledger=sequencer.check,
        ledger_origin=origin_of(node.database),
        ledger_key=installation.pki / f"ledger-{node.database}.pem",
        older_secrets=older_secrets(installation, role),
        archive=archived(installation, node),
    )


def given_config(installation: Installation, key: KeyPair, **values: Any) -> NodeConfig:
    """Return the settings of a node that believes the root in `data/pki`."""
    anchors = x509.load_pem_x509_certificates((installation.pki / "root.crt").read_bytes())

    def verify_directory(jws: str, at: datetime) -> Mapping[str, Any]:
        payload, _ = signed_json.verify(jws, anchors, at, "directory")
        return payload

    def verify_stamp(token: bytes, digest: bytes) -> datetime:
        return verify_token(token, digest, anchors)

    return NodeConfig(
        signer=key.signer,
        tls_certificate=key.certificate_file,
        tls_key=key.key_file,
        tls_key_password=key.password,
        tls_anchors=installation.pki / "node-anchors.pem",
        verify_directory=verify_directory,
        verify_token=verify_stamp,
        check_status=_status(installation),
        **values,
    )


def _status(installation: Installation) -> Callable[[x509.Certificate], None]:
    """Return what asks the centre whether a node's certificate was revoked."""
    issuers = x509.load_pem_x509_certificates((installation.pki / "node-anchors.pem").read_bytes())
    client, clock = OcspClient(), SystemClock()

    def check(certificate: x509.Certificate) -> None:
        for issuer in issuers:
            if certificate.issuer == issuer.subject:
                client.check(certificate, issuer, clock.now())
                return
        raise Refused("certificate.untrusted", reason="unknown issuer")

    return check
