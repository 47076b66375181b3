"""What a node is given when it starts. Whoever composes the process fills it in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509

from pencere.gateway.delivery_settings import DeliverySettings
from pencere.gateway.wire.faults import FaultStyle
from pencere.kernel.clock import Clock, SystemClock
from pencere.kernel.http.message import Limits


class NodeSigner(Protocol):
    """The key by which a node signs messages; `trust.keystore` gives one."""

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the key, as the directory lists it for the node."""

    def sign(self, data: bytes) -> bytes:
        """Return a DER ECDSA signature with SHA-256."""


# The most that the log's column `body_bytes` can say.
LARGEST_BODY = 2**31 - 1

# Returns the payload of a directory, or raises when it is not signed by the state register.
DirectoryVerifier = Callable[[str, datetime], Mapping[str, Any]]
# Returns the time of a time-stamp token over the digest, or raises.
TokenVerifier = Callable[[bytes, bytes], datetime]


@dataclass(frozen=True)
class NodeConfig:
    """One node.

    `client_*` is where information systems speak `/r1`, `link_*` where other nodes speak mutual
    TLS. `tls_anchors` is a PEM file of the authorities that issue nodes' certificates; which
    certificate is whose stands in the directory alone. `secret` seals what the log keeps of
    persons: without it old rows cannot be read. `ledger` tells for `/healthz` how the log is
    ordered: `{"name", "ok", "detail"}`.
    """

    node: str
    database_url: str = field(repr=False)
    secret: str = field(repr=False)
    signer: NodeSigner = field(repr=False)
    tls_certificate: Path
    tls_key: Path
    tls_anchors: Path
    node_file: Path
    directory_file: Path
    directory_cache: Path
    verify_directory: DirectoryVerifier = field(repr=False)
    verify_token: TokenVerifier | None = field(default=None, repr=False)
    tls_key_password: str | None = field(default=None, repr=False)
    directory_url: str | None = None
    tsa_url: str | None = None
    client_host: str = "127.0.0.1"
    client_port: int = 0
    # Where information systems speak `/r1` over TLS, on `client_host`; None: nowhere.
    client_tls_port: int | None = None
    link_host: str = "127.0.0.1"
    link_port: int = 0
    # What the link speaks, best first; ("http/1.1",) alone is the plain way.
    link_protocols: tuple[str, ...] = ("pencere-link/2", "http/1.1")
    style: FaultStyle = field(default_factory=FaultStyle)
    # Bodies larger than `limits.stream_bytes` are in files: `spool_folder`, by default beside the
    # directory's cache, holds at most `spool_bytes` of them.
    limits: Limits = field(default_factory=lambda: Limits(body_bytes=LARGEST_BODY))
    spool_folder: Path | None = None
    spool_bytes: int = 8 * 1024 * 1024 * 1024
    in_flight: int = 512
    # How many messages one signature may cover; 1 signs each by itself.
    signing_batch: int = 256
    # Of these, how many one client, or one other node, may have in work.
    share: int = 384
    # How many days monitoring records are kept; 0 keeps none.
    monitoring_days: int = 35
    # How often the state register is told what was asked; None: it asks by itself.
    traffic_every_s: float | None = None
    # Where spans are sent to: http://host:4318/v1/traces.
    otlp_url: str | None = None
    # A node's reply may take as long as the service may, and the way there and back.
    link_margin_s: float = 5.0
    clock_window: timedelta = timedelta(seconds=120)
    directory_refresh_s: float = 60.0
    stamp_every_s: float = 60.0
    stamp_failure_limit: timedelta = timedelta(hours=4)
    kept_body_bytes: int = 256 * 1024
    grace_s: float = 20.0
    # Messages that must arrive, and events.
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    # How often the status of certificates in use is asked for and kept; none: never.
    status_every: timedelta | None = timedelta(hours=4)
    # Secrets from before `secret`, the first one last: what they sealed stays readable.
    older_secrets: tuple[str, ...] = field(default=(), repr=False)
    # The name of the ledger of `database_url`, and the file of its public key, PEM.
    ledger_origin: str = ""
    ledger_key: Path | None = None
    # Proofs (`proof.exchange`) of an exchange that is in the archive by now.
    archive: Callable[[str], list[Any]] | None = field(default=None, repr=False)
    clock: Clock = field(default_factory=SystemClock)
    ledger: Callable[[], dict[str, object]] | None = None
    # Asks whether a node's certificate was revoked; how often, and how long a certificate counts
    # as good when nobody answers (None: as long as it takes).
    check_status: Callable[[x509.Certificate], None] | None = None
    revocation_every: timedelta = timedelta(minutes=5)
    revocation_limit: timedelta | None = None
    # Below this a node says so before its disk is full.
    disk_free_bytes: int = 256 * 1024 * 1024
