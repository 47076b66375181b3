"""Both nodes of an installation as processes of their own, and commands that speak to it.

The certification centre is that of `tests.documents`; processes are forked from a server that has
everything imported, so that starting and killing many costs little.
"""

import base64
import contextlib
import hashlib
import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from cryptography.hazmat.primitives.serialization import Encoding
from tests.gateway.conftest import SERVICE, Answer, Upstream, ask, headers
from tests.gateway.court import RegisterKey

from pencere.cli.roles.nodes import NODES, Node, node_keystore
from pencere.gateway.node_file import write_node_file
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Conflict
from pencere.ops.databases import make_databases, migrate_databases
from pencere.ops.installation import Installation
from pencere.ops.ports import require_free_ports

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "tests.cli.gateway_world",
        "pencere.cli.commands.gateway",
        "pencere.cli.commands.verify",
        "pencere.cli.roles.gateway",
    ]
)
CLIENT_KEY = "key-of-the-portal"
DATABASES = ("gateway_portal", "gateway_agencies")
PORTAL, AGENCIES = (node.role for node in NODES)


def _free_base_port() -> int:
    """Return a base outside of what other servers of tests take."""
    for base in range(4000 + os.getpid() % 20 * 200, 9000, 200):
        with contextlib.suppress(Conflict):
            require_free_ports(Installation(Path("/nonexistent"), base_port=base))
            return base
    raise AssertionError("no free ports from 4000")


class World:
    """An installation whose certification centre is somebody else's."""

    def __init__(self, folder: Path, postgres: Any, centre: Any, upstream: Upstream) -> None:
        self.centre, self.upstream = centre, upstream
        self.installation = Installation(folder, _free_base_port(), postgres.superuser_url())
        (folder / "addresses.yaml").write_text(f"trust: {centre.base_url}\n", encoding="ascii")
        shutil.copytree(postgres.installation.secrets, folder / "secrets", dirs_exist_ok=True)
        self._months = closed_months()
        self.processes: dict[str, Any] = {}
        for name in DATABASES:
            self._drop(name)
        make_databases(self.installation, DATABASES)
        migrate_databases(self.installation, DATABASES)
        self._certify()
        self._publish()
        write_node_file(
            self.installation.run / f"{PORTAL}.json",
            clients={"AZ/GOV/idda/portal": CLIENT_KEY},
            services={},
        )
        write_node_file(
            self.installation.run / f"{AGENCIES}.json",
            clients={},
            services={
                "AZ/GOV/mia/population": {
                    "url": f"http://127.0.0.1:{upstream.port}", "bearer": "x",
                }
            },
        )  # fmt: skip

    def _drop(self, name: str) -> None:
        with psycopg.connect(self.installation.superuser_url(), autocommit=True) as server:
            server.execute(f"drop database if exists {name} with (force)".encode())

    def _certify(self) -> None:
        pki, root = self.installation.pki, self.centre.root
        issuers = []
        for node in NODES:
            keystore = node_keystore(self.installation, node)
            keystore.create("node")
            chain = self.centre.centre.issue_node_certificate(
                keystore.request("node"), body=node.body, organization="Sınaq idarəsi",
                name=node.identifier, addresses=("127.0.0.1",),
            )  # fmt: skip
            keystore.install("node", chain)
            issuers += chain[1:]
        pem = root.public_bytes(Encoding.PEM)
        (pki / "root.crt").write_bytes(pem)
        (pki / "node-anchors.pem").write_bytes(
            b"".join(one.public_bytes(Encoding.PEM) for one in issuers) + pem
        )

    def _publish(self) -> None:
        now = SystemClock().now()
        entries = []
        for node, system in zip(NODES, ("idda/portal", "mia/population"), strict=True):
            der = node_keystore(self.installation, node).certificates("node")[0]
            entries.append(entry_of(self.installation, node, system, der))
        (self.installation.run / "directory.jws").write_text(
            RegisterKey(self.centre).sign(directory_of(entries, now)), encoding="ascii"
        )

    # Processes

    def start(self, *roles: str) -> None:
        for role in roles or (AGENCIES, PORTAL):
            process = FORKS.Process(target=serve, args=(self._named(), role))
            process.start()
            self.processes[role] = process
        for role in roles or (AGENCIES, PORTAL):
            self.wait(lambda role=role: self.healthy(role), 40)

    def stop(self, *roles: str) -> None:
        for role in roles or tuple(self.processes):
            process = self.processes.pop(role)
            process.terminate()
            process.join(20)
            assert process.exitcode == 0, role

    def close(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.join()
        for name in DATABASES:
            self._drop(name)

    def healthy(self, role: str) -> bool:
        try:
            return ask(self.installation.port(role), "GET", "/healthz").status == 200
        except OSError:
            return False

    def command(self, *words: str, environment: Mapping[str, str] | None = None) -> Any:
        """Begin a command in a process of its own; its output goes to the file `out`."""
        out = self.installation.data / "out"
        out.unlink(missing_ok=True)
        process = FORKS.Process(
            target=run_command, args=(self._named() | dict(environment or {}), words, str(out))
        )
        process.start()
        return process

    def told(self, *words: str, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Run a command; return its exit code and what it said."""
        process = self.command(*words, environment=environment)
        process.join(60)
        return process.exitcode, (self.installation.data / "out").read_text("utf-8")

    def _named(self) -> dict[str, str]:
        return self.installation.environment()

    # Exchanges

    def exchange(self, number: str) -> Answer:
        given = [*headers(), ("X-Road-Id", number)]
        port = self.installation.port(PORTAL)
        return ask(port, "POST", f"{SERVICE}/query", given, b'{"by": {}}')

    def exchanged(self, *numbers: str) -> None:
        """Make exchanges; wait until they are time-stamped and in a checkpoint, on both sides."""
        for number in numbers:
            assert self.exchange(number).status == 200
        for name in DATABASES:
            self.wait(lambda name=name: self.rows(name, _OPEN) == [(0, 0)], 90)

    def closed(self, *numbers: str) -> str:
        """Let exchanges be those of a month that is over, later than those of the last call."""
        first = next(self._months)
        for name in DATABASES:
            with psycopg.connect(self.installation.superuser_url(name)) as connection:
                connection.execute("select gateway.make_partitions(%s)", (first,))
                for table in ("request", "response"):  # the month behind it is not there yet
                    behind = f"{first + timedelta(days=32):_%Y_%m}"
                    connection.execute(f"drop table gateway.{table}{behind}".encode())
                connection.execute("set session_replication_role = replica")
                given = (first + timedelta(days=9), list(numbers))
                for update in _CLOSE:
                    connection.execute(update.encode(), given)
        return f"{first:%Y-%m}"

    def rows(self, name: str, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.installation.superuser_url(name)) as connection:
            return connection.execute(query.encode()).fetchall()

    def wait(self, claim: Callable[[], bool], seconds: float = 40) -> None:
        end = time.monotonic() + seconds
        while not claim():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.05)


_CLOSE = (
    """
    update gateway.response set recorded_at = %s where exchange in
        (select exchange from gateway.request where message_id = any(%s))
    """,
    "update gateway.request set recorded_at = %s where message_id = any(%s)",
)
_OPEN = """
select
    (select count(*) from gateway.response r where not exists
        (select from gateway.batch_member m where m.response_seq = r.seq)),
    (select count(*) from ledger.pending p where not exists
        (select from ledger.leaf l, ledger.checkpoint c
         where l.pending_id = p.id and c.size > l.index))
"""


def closed_months() -> Iterator[datetime]:
    """Give the first days of months that are over, from eleven months ago on."""
    this = SystemClock().now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for back in range(11, 1, -1):
        number = this.year * 12 + this.month - 1 - back
        yield this.replace(year=number // 12, month=number % 12 + 1)


def entry_of(installation: Installation, node: Node, system: str, certificate: Any) -> Any:
    der = certificate.public_bytes(Encoding.DER)
    shown = {"sha256": hashlib.sha256(der).hexdigest(), "der": base64.b64encode(der).decode()}
    return {
        "id": node.identifier,
        "address": f"127.0.0.1:{installation.port(node.role + '-link')}",
        "serves": [f"AZ/GOV/{system}"],
        "certificates": [{"use": use, **shown} for use in ("tls", "sign")],
    }


def directory_of(nodes: list[Any], now: datetime) -> dict[str, Any]:
    population = "AZ/GOV/mia/population"
    return {
        "format": "pencere-directory/1",
        "instance": "AZ",
        "version": 1,
        "issued_at": now.isoformat(),
        "expires_at": (now + timedelta(hours=24)).isoformat(),
        "members": [
            {"id": "AZ/GOV/idda", "name": {"az": "İRİA"}, "subsystems": [{"code": "portal"}]},
            {"id": "AZ/GOV/mia", "name": {"az": "DİN"}, "subsystems": [{"code": "population"}]},
        ],
        "nodes": nodes,
        "services": [
            {
                "id": f"{population}/person", "type": "REST", "endpoints": [["POST", "/query"]],
                "demands": ["purpose", "legal-basis", "case", "person", "user"], "timeout_s": 5,
            }
        ],
        "agreements": [
            {
                "id": "a-1", "consumer": "AZ/GOV/idda/portal", "service": f"{population}/person",
                "endpoints": [["POST", "/query"]], "purposes": ["identify"],
                "legal_bases": ["personal-data-law"], "from": "2026-01-01",
                "until": "2099-12-31",
            }
        ],
    }  # fmt: skip


# What the processes do


def serve(environment: Mapping[str, str], role: str) -> None:
    from dataclasses import replace

    from pencere.cli.roles import gateway

    os.environ.update(environment)
    made = gateway._config
    # The node as it is, only stamped every second instead of every minute.
    gateway._config = lambda *given: replace(made(*given), stamp_every_s=1.0)
    gateway.serve(Installation.from_environment(), role)


def run_command(environment: Mapping[str, str], words: tuple[str, ...], out: str) -> None:
    from pencere.cli.__main__ import main

    os.environ.update(environment)
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT, 0o600)
    for number in (1, 2):
        os.dup2(descriptor, number)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
    code = main(words)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
