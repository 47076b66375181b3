"""Two nodes, a database, a time-stamping authority and a service, each a process of its own.

Keys are thrown away at the end. Processes are forked, so that they begin with what was made here;
whoever forks has no threads.
"""

import json
import multiprocessing
import os
import signal
import subprocess
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from pencere.cli.roles.server import log_to_stderr
from pencere.gateway.config import NodeConfig
from pencere.gateway.directory.model import fingerprint_of
from pencere.gateway.link.frames import ALPN, HTTP
from pencere.gateway.node import run as run_node
from pencere.gateway.node_file import write_node_file
from pencere.gateway.throwaway import DirectoryKey, make_key
from pencere.kernel.clock import SystemClock
from pencere.ops.databases import make_databases, migrate_databases
from pencere.ops.installation import Installation
from pencere.ops.postgres import Cluster
from pencere.trust.roles import Role
from pencere.trust.signers import SoftwareSigner
from pencere.trust.steady_clock import SteadyClock
from pencere.trust.timestamps import TimeStampUnit

CONSUMER, PROVIDER = "AZ/GOV/idda/node", "AZ/GOV/mia/node"
CLIENT, SYSTEM = "AZ/GOV/idda/portal", "AZ/GOV/mia/population"
KEY = "key-of-the-soak"
DATABASES = ("gateway_portal", "gateway_agencies")
_fork = multiprocessing.get_context("fork")


@dataclass
class World:
    """Everything that runs; `base_port` and the seven after it are used."""

    folder: Path
    base_port: int
    link_protocols: tuple[str, ...] = (ALPN, HTTP)
    processes: dict[str, BaseProcess] = field(default_factory=dict)
    server: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.installation = Installation(data=self.folder)
        self.cluster = Cluster.of(self.installation)
        clock = SystemClock()
        self._keys = [make_key(name, clock) for name in (CONSUMER, PROVIDER)]
        self._tsa_key = make_key("tsa", clock)
        self._directory_key = DirectoryKey()
        first = self.base_port
        self.client_port, self.tsa_port, self.service_port = first, first + 1, first + 2
        self._links = (first + 3, first + 4)
        self._other_client_port = first + 5

    @property
    def signing_keys(self) -> dict[str, ec.EllipticCurvePublicKey]:
        """The public key of each certificate, by its SHA-256."""
        return {fingerprint_of(one.certificate): one.key.public_key() for one in self._keys}

    @property
    def calls(self) -> Path:
        """What the service did: a line for each call."""
        return self.folder / "calls"

    def start(self) -> None:
        """Make databases, keys and directory; start everything."""
        self.server = self.cluster.start()
        make_databases(self.installation, DATABASES)
        migrate_databases(self.installation, DATABASES)
        self._write()
        for name in ("service", "tsa", "provider", "consumer"):
            self.restart(name)

    def restart(self, name: str) -> None:
        """Start a process that is not there."""
        if name == "database":
            self.server = self.cluster.start()
            return
        targets = {
            "service": self._serve_service,
            "tsa": self._serve_tsa,
            "consumer": lambda: self._serve_node(0),
            "provider": lambda: self._serve_node(1),
        }
        process = _fork.Process(target=targets[name], name=name, daemon=True)
        process.start()
        self.processes[name] = process

    def kill(self, name: str) -> None:
        """End a process with SIGKILL, and wait until it is gone."""
        if name == "database":
            if self.server is not None:
                self.server.kill()
                self.server.wait()
            return
        process = self.processes[name]
        process.kill()
        process.join()

    def stop(self) -> None:
        """End everything."""
        for name in ("consumer", "provider", "tsa", "service"):
            process = self.processes.get(name)
            if process is not None and process.is_alive():
                process.terminate()
                process.join(20)
                if process.is_alive():
                    process.kill()
        if self.server is not None:
            self.cluster.stop(self.server)

    def database_url(self, at: int) -> str:
        """Return the URL of a node's database."""
        return self.installation.database_url(DATABASES[at])

    # What the processes do

    def _serve_node(self, at: int) -> None:
        with (self.folder / f"node{at}.log").open("ab") as out:
            os.dup2(out.fileno(), 2)
        log_to_stderr()
        folder = self.folder
        crt, key = folder / f"node{at}.crt", folder / f"node{at}.key"
        run_node(
            NodeConfig(
                node=(CONSUMER, PROVIDER)[at],
                database_url=self.database_url(at),
                secret=f"soak {at}",
                signer=self._keys[at],
                tls_certificate=crt,
                tls_key=key,
                tls_anchors=folder / "anchors.pem",
                node_file=folder / f"node{at}.json",
                directory_file=folder / "directory.jws",
                directory_cache=folder / f"cache{at}.jws",
                verify_directory=self._directory_key.verify,
                client_port=(self.client_port, self._other_client_port)[at],
                link_port=self._links[at],
                link_protocols=self.link_protocols,
                tsa_url=f"http://127.0.0.1:{self.tsa_port}/tsa",
                stamp_every_s=2.0,
                grace_s=5.0,
            )
        )

    def _serve_tsa(self) -> None:
        signer = SoftwareSigner(self._tsa_key.key, (self._tsa_key.certificate,), Role.TIME_STAMP)
        unit = TimeStampUnit(signer, "1.3.6.1.4.1.0.1", SteadyClock(SystemClock(), None))
        _serve(self.tsa_port, unit.respond, "application/timestamp-reply")

    def _serve_service(self) -> None:
        descriptor = os.open(self.calls, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

        def act(body: bytes) -> bytes:
            os.write(descriptor, body + b"\n")  # one write of O_APPEND is whole
            return body

        _serve(self.service_port, act, "application/json")

    def _write(self) -> None:
        folder, anchors = self.folder, b""
        for at, key in enumerate(self._keys):
            crt, _ = key.write(folder, f"node{at}")
            anchors += crt.read_bytes()
        (folder / "anchors.pem").write_bytes(anchors)
        write_node_file(folder / "node0.json", clients={CLIENT: KEY}, services={})
        url = f"http://127.0.0.1:{self.service_port}"
        write_node_file(folder / "node1.json", clients={}, services={SYSTEM: {"url": url}})
        text = self._directory_key.sign(self._payload())
        (folder / "directory.jws").write_text(text, encoding="ascii")

    def _payload(self) -> dict[str, Any]:
        now = SystemClock().now()
        nodes = zip((CONSUMER, PROVIDER), (CLIENT, SYSTEM), self._links, self._keys, strict=True)
        name = {"az": "-", "en": "-", "ru": "-"}
        return {
            "format": "pencere-directory/1",
            "instance": "AZ",
            "version": int(now.timestamp()),
            "issued_at": now.isoformat(),
            "expires_at": (now + timedelta(hours=24)).isoformat(),
            "members": [
                {"id": member, "name": name, "subsystems": [{"code": code, "name": name}]}
                for member, code in (
                    ("AZ/GOV/idda", "portal"), ("AZ/GOV/mia", "population")
                )
            ],
            "nodes": [
                {
                    "id": node,
                    "address": f"127.0.0.1:{port}",
                    "serves": [system],
                    "certificates": [key.entry("tls"), key.entry("sign")],
                }
                for node, system, port, key in nodes
            ],
            "services": [
                {
                    "id": f"{SYSTEM}/person",
                    "type": "REST",
                    "name": name,
                    "endpoints": [["POST", "/query"]],
                    "demands": [],
                    "timeout_s": 5,
                }
            ],
            "agreements": [
                {
                    "id": "soak",
                    "consumer": CLIENT,
                    "service": f"{SYSTEM}/person",
                    "endpoints": [["POST", "/query"]],
                    "purposes": [],
                    "legal_bases": [],
                }
            ],
        }  # fmt: skip


def _serve(port: int, answer: Any, media_type: str) -> None:
    """Answer every POST until SIGTERM."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the name that http.server calls
            body = answer(self.rfile.read(int(self.headers["Content-Length"])))
            head = f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
            self.wfile.write(b"HTTP/1.1 200 OK\r\n" + head.encode() + body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        allow_reuse_address = True
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *args: object) -> None:
            """A node that was killed is what this is about."""

    server = Server(("127.0.0.1", port), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.2)


def read_lines(file: Path) -> list[dict[str, Any]]:
    """Return the objects of a file of JSON lines; a last line that was cut off is none."""
    found = []
    for line in file.read_bytes().splitlines() if file.exists() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
