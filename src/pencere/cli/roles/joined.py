"""A gateway node that joined by itself, in a data folder of its own: `pencere serve gateway`.

What it was told when it joined stands in `data/gateway.json`; what is between it and its own
information systems in `data/run/gateway.json`. docs/how-to/run-a-node.md.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pencere.cli.roles.gateway import given_config
from pencere.cli.roles.node_keys import NodeKeyBox
from pencere.cli.roles.node_secrets import older_secrets
from pencere.cli.roles.server import log_to_stderr
from pencere.gateway.config import NodeConfig
from pencere.gateway.node import run
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Misconfigured
from pencere.ledger.sequencer import Sequencer
from pencere.ops.databases import make_databases, migrate_databases
from pencere.ops.installation import Installation
from pencere.ops.postgres import Cluster
from pencere.trust.durable import write_durably
from pencere.trust.keystore import Keystore
from pencere.trust.signers import LogSigner
from pencere.trust.stamping import TimeStampClient

ROLE = "gateway"
DATABASE = "gateway_agencies"


@dataclass(frozen=True)
class Membership:
    """What a node knows of the exchange it joined."""

    node: str
    name: str
    register: str
    directory_url: str
    tsa_url: str
    enrolment_url: str
    client_host: str
    client_port: int
    link_host: str
    link_port: int

    @classmethod
    def of(cls, installation: Installation) -> "Membership":
        """Read it; Misconfigured when this folder never joined."""
        file = membership_file(installation)
        try:
            return cls(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as problem:
            raise Misconfigured(
                file=file,
                key="(file)",
                value=type(problem).__name__,
                example="pencere gateway join",
            ) from problem

    def as_json(self) -> bytes:
        """Return what the file holds."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1).encode()


def membership_file(installation: Installation) -> Path:
    """Return the file of the membership."""
    return installation.data / "gateway.json"


def key_folder(installation: Installation) -> Path:
    """Return where the node's keys lie."""
    return installation.keys / ROLE


def ledger_key(installation: Installation) -> Path:
    """Return the file with the public key of the node's ledger."""
    return installation.pki / f"ledger-{DATABASE}.pem"


def origin_of(member: Membership) -> str:
    """Return the name of the node's ledger: no other node of the exchange has it."""
    return f"pencere.az/{member.node}"


def keystore_of(installation: Installation) -> Keystore:
    """Return the node's own keys."""
    return Keystore(key_folder(installation), installation.secret(f"keys/{ROLE}"))


def serve(installation: Installation) -> None:
    """Run until told to stop, with a database of its own where none is given."""
    log_to_stderr()
    member = Membership.of(installation)
    cluster = None if installation.external_database_url else Cluster.of(installation)
    server = cluster.start() if cluster is not None else None
    try:
        make_databases(installation, (DATABASE,))
        migrate_databases(installation, (DATABASE,))
        sequencer = _sequencer(installation, member)
        sequencer.start()
        try:
            box = _box(installation, member)
            run(_config(installation, member, box, sequencer), box)
        finally:
            sequencer.stop()
    finally:
        if cluster is not None and server is not None:
            cluster.stop(server)


def _box(installation: Installation, member: Membership) -> NodeKeyBox:
    return NodeKeyBox(
        key_folder(installation),
        installation.secret(f"keys/{ROLE}"),
        node=member.node,
        register=member.register,
        enrolment=member.enrolment_url,
        root=installation.pki / "root.crt",
        clock=SystemClock(),
    )


def _sequencer(installation: Installation, member: Membership) -> Sequencer:
    keystore = keystore_of(installation)
    if "ledger" not in keystore.names():
        keystore.create("ledger")
    signer = LogSigner(keystore.signer("ledger"))
    pem = signer.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    write_durably(ledger_key(installation), pem, mode=0o644)
    return Sequencer(
        installation.database_url(DATABASE),
        origin_of(member),
        signer,
        time_stamp=TimeStampClient(member.tsa_url).token,
    )


def _config(
    installation: Installation, member: Membership, box: NodeKeyBox, sequencer: Sequencer
) -> NodeConfig:
    return given_config(
        installation,
        box.current(),
        node=member.node,
        database_url=installation.database_url(DATABASE),
        secret=installation.secret(f"node/{ROLE}"),
        node_file=installation.run / f"{ROLE}.json",
        directory_file=installation.run / "directory.jws",
        directory_cache=key_folder(installation) / "directory.jws",
        spool_folder=installation.run / "node.spool",
        directory_url=member.directory_url,
        tsa_url=member.tsa_url,
        client_host=member.client_host,
        client_port=member.client_port,
        link_host=member.link_host,
        link_port=member.link_port,
        ledger=sequencer.check,
        ledger_origin=origin_of(member),
        ledger_key=ledger_key(installation),
        older_secrets=older_secrets(installation, ROLE),
        traffic_every_s=3600.0,
    )
