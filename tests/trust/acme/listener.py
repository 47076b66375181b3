"""The TLS listener for machines on a founded centre, and what a machine shows beside it."""

import http.server
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path

import psycopg
from psycopg_pool import ConnectionPool
from tests.trust.conftest import free_port

from pencere.trust.acme import bindings
from pencere.trust.acme.addresses import AddressRules, SystemResolver
from pencere.trust.acme.bindings import Binding, BindingKeys
from pencere.trust.acme.http01 import Validator
from pencere.trust.acme.jose import encode
from pencere.trust.acme.limits import Limits
from pencere.trust.ceremony import Centre
from pencere.trust.server.machines import MachineConfig, Machines
from pencere.trust.server.tls import TlsListener

LOOPBACK = AddressRules((ip_network("127.0.0.0/8"), ip_network("::1")))
PLAN = {
    "service.dyp.az": [ip_address("127.0.0.1")],
    "rms.dyp.az": [ip_address("127.0.0.1")],
    "two.dyp.az": [ip_address("127.0.0.3"), ip_address("127.0.0.1")],
    "outside.dyp.az": [ip_address("127.0.0.1"), ip_address("192.0.2.1")],
}


@dataclass
class Listener:
    """The listener with what tests need beside it."""

    centre: Centre
    machines: Machines
    tls: TlsListener
    conninfo: str
    folder: Path
    challenge_port: int

    @property
    def base_url(self) -> str:
        return self.machines.config.base_url

    @property
    def directory(self) -> str:
        return f"{self.base_url}/acme/directory"

    @property
    def anchors(self) -> Path:
        return self.centre.pki / "root.crt"

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.conninfo)

    def bind(self, body: str = "dyp", **changes: object) -> tuple[Binding, str]:
        """Make a binding; return it with its MAC key as text."""
        values = {
            "organization": "Baş Dövlət Yol Polisi İdarəsi",
            "system": "rms",
            "permitted": ["127.0.0.1", "127.0.0.2", ".dyp.az"],
            "profiles": ["tls-service", "tls-node"],
            "at": self.machines.clock.now(),
            **changes,
        }
        with self.connect() as connection:
            made = bindings.create(connection, body=body, **values)
        return made, encode(BindingKeys(self.machines.config.secret).of(made.id))


def validator(port: int) -> Validator:
    return Validator(SystemResolver(PLAN), LOOPBACK, port=port, connect_s=1, total_s=3)


@contextmanager
def listening(
    centre: Centre, conninfo: str, folder: Path, *, port: int | None = None, **changes: object
) -> Iterator[Listener]:
    """Run the listener in a thread of the test process."""
    port, challenge_port = port or free_port(), free_port()
    config = MachineConfig(
        base_url=f"https://127.0.0.1:{port}",
        port=port,
        folder=folder / "trust-tls",
        passphrase="the passphrase of the listener",
        secret=b"m" * 32,
        validator=validator(challenge_port),
        limits=Limits(orders=1000, failures=1000, pending_orders=1000),
    )
    config = config if not changes else MachineConfig(**{**vars(config), **changes})
    pool: ConnectionPool = ConnectionPool(conninfo, min_size=1, max_size=6, open=True)
    root = centre.keystore.certificates("root")[0]
    machines = Machines(
        config, centre.issuance, centre.keystore.signer("issuing-infrastructure"), root, pool
    )
    tls = TlsListener(machines)
    tls.start()
    try:
        assert tls.failure is None, tls.failure
        yield Listener(centre, machines, tls, conninfo, folder, challenge_port)
    finally:
        tls.stop()
        pool.close()


@dataclass
class Machine:
    """A web server that shows challenge files, and counts who came."""

    files: dict[str, bytes] = field(default_factory=dict)
    hosts: list[str] = field(default_factory=list)
    answer: Callable[[http.server.BaseHTTPRequestHandler], None] | None = None
