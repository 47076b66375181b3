"""The archive of each node's log: where it lies, and the thread that keeps it up to date.

`PENCERE_GATEWAY_ARCHIVE` names a folder or `s3://bucket/prefix` (default: `archive` of the data
folder), `PENCERE_GATEWAY_KEEP_DAYS` how long a month stays in the log after its end. S3 as usual:
AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY. Where
`data/pki/archive-escrow.pem` is, its holder can read the archive without the node.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from pencere.cli.roles.ledger import origin_of
from pencere.cli.roles.node_secrets import key_box, older_secrets
from pencere.cli.roles.nodes import NODES, Node
from pencere.gateway.archive import archiving
from pencere.gateway.archive.archiving import Archive
from pencere.gateway.archive.store import Store, open_store
from pencere.gateway.archive.verification import find
from pencere.gateway.proof.asic import Maker
from pencere.gateway.proof.exchange import ExchangeProof
from pencere.gateway.proof.kept import keep_now
from pencere.gateway.proof.reading import Log
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Misconfigured, PencereError
from pencere.ops.addresses import Addresses
from pencere.ops.installation import Installation
from pencere.trust.stamping import TimeStampClient

log = logging.getLogger(__name__)
KEEP_DAYS = 730
STATUS_EVERY = timedelta(hours=4)
_FIRST_AFTER_S = 600.0
_EVERY_S = 24 * 3600.0
_AGAIN_S = 3600.0


@dataclass(frozen=True)
class Place:
    """Where archives go and how long the log keeps a month."""

    target: str
    s3: Mapping[str, str]
    keep: timedelta

    @classmethod
    def of(cls, installation: Installation, environment: Mapping[str, str]) -> "Place":
        """Read the environment."""
        written = environment.get("PENCERE_GATEWAY_KEEP_DAYS", str(KEEP_DAYS))
        if not (written.isascii() and written.isdigit() and int(written) >= 1):
            raise Misconfigured(
                file="environment", key="PENCERE_GATEWAY_KEEP_DAYS", value=written, example="730"
            )
        default = str(installation.data / "archive")
        return cls(
            environment.get("PENCERE_GATEWAY_ARCHIVE", default),
            {
                name: environment[key]
                for name, key in (
                    ("endpoint", "AWS_ENDPOINT_URL"), ("region", "AWS_REGION"),
                    ("access_key_id", "AWS_ACCESS_KEY_ID"),
                    ("secret_access_key", "AWS_SECRET_ACCESS_KEY"),
                    ("session_token", "AWS_SESSION_TOKEN"),
                )
                if environment.get(key)
            },
            timedelta(days=int(written)),
        )  # fmt: skip

    def store(self, node: Node) -> Store:
        """Return the place of one node's archive."""
        return open_store(f"{self.target.rstrip('/')}/{node.role}", self.s3)


def secrets_of(installation: Installation, role: str) -> tuple[str, ...]:
    """Return the secrets of a node's log, the newest first."""
    return (installation.secret(f"node/{role}"), *older_secrets(installation, role))


def log_of(installation: Installation, node: Node, *, user: str = "app") -> Log:
    """Return the log of a node, as its daily user or its owner."""
    published = installation.pki / f"ledger-{node.database}.pem"
    return Log(
        installation.database_url(node.database, "owner" if user == "owner" else "app"),
        origin_of(node.database),
        published.read_bytes() if published.exists() else b"",
    )


def maker_of(installation: Installation, node: Node) -> Maker:
    """Return the node as one who signs containers."""
    stamp = TimeStampClient(Addresses.of(installation).time_stamps).token
    return Maker(key_box(installation, node.role).current().signer, stamp)


def archive_of(installation: Installation, node: Node, place: Place) -> Archive:
    """Return how a node's log is archived."""
    maker, clock = maker_of(installation, node), SystemClock()
    officer = installation.pki / "archive-escrow.pem"

    def refresh() -> None:
        keep_now(
            database_url=installation.database_url(node.database),
            anchors=installation.pki / "node-anchors.pem",
            clock=clock,
            every=STATUS_EVERY,
            signer=maker.signer.certificate,
        )

    return Archive(
        log=log_of(installation, node, user="owner"),
        store=place.store(node),
        maker=maker,
        clock=clock,
        secrets=secrets_of(installation, node.role),
        keep=place.keep,
        escrow=_officer(officer.read_bytes()) if officer.exists() else None,
        refresh=refresh,
    )


def archived(installation: Installation, node: Node) -> Callable[[str], list[ExchangeProof]]:
    """Return what finds an exchange in the node's archive."""
    place = Place.of(installation, os.environ)

    def look(number: str) -> list[ExchangeProof]:
        return find(place.store(node), number, secrets_of(installation, node.role))

    return look


def _officer(pem: bytes) -> ec.EllipticCurvePublicKey:
    key = load_pem_public_key(pem)
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise Misconfigured(
            file="data/pki/archive-escrow.pem", key="curve", value="another", example="P-256"
        )
    return key


def start_archiving(installation: Installation, stopping: threading.Event) -> threading.Thread:
    """Archive once a day until told to stop; what failed is tried again within the hour."""

    def work() -> None:
        wait_s = _FIRST_AFTER_S
        while not stopping.wait(wait_s):
            done = [_archived(installation, node) for node in NODES]
            wait_s = _EVERY_S if all(done) else _AGAIN_S

    thread = threading.Thread(target=work, name="archive", daemon=True)
    thread.start()
    return thread


def _archived(installation: Installation, node: Node) -> bool:
    try:
        place = Place.of(installation, os.environ)
        summary = archiving.run(archive_of(installation, node, place))
    except PencereError as problem:
        log.error("archive_failed node=%s reason=%s", node.role, problem)  # noqa: TRY400
        return False
    except Exception:
        log.exception("archive_failed node=%s", node.role)
        return False
    log.info(
        "archive_done node=%s months=%s exchanges=%s",
        node.role, ",".join(summary.archived) or "-", summary.exchanges,
    )  # fmt: skip
    return True
