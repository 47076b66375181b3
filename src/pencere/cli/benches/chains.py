"""What `pencere bench gateway` compares: two nodes of the gateway, and nginx before nginx.

Both chains are plain HTTP -> mutual TLS 1.3 -> plain HTTP to the same nginx that returns a fixed
answer. The processes of a chain are on one core; the upstream, the load and the database on the
other.
"""

import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pencere.cli.benches.centre import CLIENT_CORE, SERVER_CORE, Trial, free_port
from pencere.gateway.config import NodeConfig
from pencere.gateway.node import run
from pencere.gateway.node_file import write_node_file
from pencere.gateway.throwaway import DirectoryKey, ThrowawayKey, make_key
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Unavailable
from pencere.ledger.sequencer import Sequencer
from pencere.ops.databases import make_databases, migrate_databases

DATABASES = ("gateway_portal", "gateway_agencies")
NODES = ("AZ/GOV/idda/node", "AZ/GOV/mia/node")
CLIENT, SERVICE = "AZ/GOV/idda/portal", "AZ/GOV/mia/population/person"
TARGET = f"/r1/{SERVICE}/query"
KEY = "key-of-the-bench"
HEADERS = (
    ("X-Road-Client", CLIENT),
    ("Pencere-Client-Key", KEY),
    ("X-Road-UserId", "AZ5KQ2R7A"),
    ("Pencere-Purpose", "identify"),
    ("Pencere-Legal-Basis", "personal-data-law"),
    ("Pencere-Case", "2026-000123"),
    ("Pencere-Person", "5KQ2R7A"),
    ("Content-Type", "application/json"),
)
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Chain:
    """Where a chain listens for plain HTTP, and the processes that do its work."""

    port: int
    pids: tuple[int, ...]

    def cpu_s(self) -> float:
        """Return the time that the chain's processes have used."""
        used = 0
        for pid in self.pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            used += int(fields[11]) + int(fields[12])
        return used / _TICKS


def answer_of(size: int) -> str:
    """Return a JSON text of `size` bytes."""
    return '{"x":"' + "a" * (size - 8) + '"}'


@contextmanager
def nginx_upstream(folder: Path) -> Iterator[int]:
    """Run the upstream; yield its port."""
    port = free_port()
    server = (
        f"server {{ listen 127.0.0.1:{port}; default_type application/json;"
        f" location / {{ return 200 '{answer_of(1024)}'; }} }}"
    )
    with _nginx(folder / "upstream", server, CLIENT_CORE, port):
        yield port


@contextmanager
def nginx_chain(folder: Path, upstream: int) -> Iterator[Chain]:
    """Run nginx before nginx, mutual TLS between them; no signatures, no log."""
    front, back = free_port(), free_port()
    keys = [
        make_key(name, SystemClock()).write(folder, f"nginx{at}") for at, name in enumerate("ab")
    ]
    anchors = folder / "nginx-anchors.pem"
    anchors.write_bytes(b"".join(certificate.read_bytes() for certificate, _ in keys))
    kept = 'proxy_http_version 1.1; proxy_set_header Connection "";'
    first = f"""
upstream peer {{ server 127.0.0.1:{back}; keepalive 128; }}
server {{ listen 127.0.0.1:{front};
 location / {{ {kept} proxy_pass https://peer; proxy_ssl_protocols TLSv1.3;
  proxy_ssl_certificate {keys[0][0]}; proxy_ssl_certificate_key {keys[0][1]};
  proxy_ssl_trusted_certificate {anchors}; proxy_ssl_verify on; proxy_ssl_name b; }} }}"""
    second = f"""
upstream system {{ server 127.0.0.1:{upstream}; keepalive 128; }}
server {{ listen 127.0.0.1:{back} ssl; ssl_protocols TLSv1.3;
 ssl_certificate {keys[1][0]}; ssl_certificate_key {keys[1][1]};
 ssl_client_certificate {anchors}; ssl_verify_client on;
 location / {{ {kept} proxy_pass http://system; }} }}"""
    with (
        _nginx(folder / "front", first, SERVER_CORE, front) as one,
        _nginx(folder / "back", second, SERVER_CORE, back) as two,
    ):
        yield Chain(front, (*one, *two))


@contextmanager
def gateway_chain(trial: Trial, upstream: int) -> Iterator[Chain]:
    """Run two nodes, each a process with a database of its own; the authority stamps them."""
    installation, clock = trial.installation, SystemClock()
    make_databases(installation, DATABASES)
    migrate_databases(installation, DATABASES)
    folder = installation.data / "nodes"
    folder.mkdir()
    keys = [make_key(name, clock) for name in NODES]
    files = [key.write(folder, f"node{at}") for at, key in enumerate(keys)]
    anchors = folder / "anchors.pem"
    anchors.write_bytes(b"".join(certificate.read_bytes() for certificate, _ in files))
    links, directory = (free_port(), free_port()), DirectoryKey()
    write_node_file(folder / "0.json", clients={CLIENT: KEY}, services={})
    url = f"http://127.0.0.1:{upstream}"
    write_node_file(folder / "1.json", clients={}, services={SERVICE: {"url": url}})
    (folder / "directory.jws").write_text(directory.sign(_payload(keys, links)), encoding="ascii")
    configs = [
        NodeConfig(
            node=NODES[at],
            database_url=installation.database_url(database),
            secret=f"secret of node {at}",
            signer=keys[at],
            tls_certificate=files[at][0],
            tls_key=files[at][1],
            tls_anchors=anchors,
            node_file=folder / f"{at}.json",
            directory_file=folder / "directory.jws",
            directory_cache=folder / f"cache{at}.jws",
            verify_directory=directory.verify,
            tsa_url=f"http://127.0.0.1:{trial.port}/tsa",
            stamp_every_s=2.0,
            client_port=free_port(),
            link_port=links[at],
        )
        for at, database in enumerate(DATABASES)
    ]
    # Forked, since the keys are in memory only; nothing here has threads yet.
    make = multiprocessing.get_context("fork").Process
    nodes = [
        make(target=_serve, args=(config, folder / f"{at}.log"), daemon=True)
        for at, config in enumerate(configs)
    ]
    for node in nodes:
        node.start()
    try:
        for config in configs:
            _wait_for(config.client_port)
        yield Chain(configs[0].client_port, tuple(node.pid or 0 for node in nodes))
    finally:
        for node in nodes:
            node.terminate()
            node.join(30)


def _serve(config: NodeConfig, log: Path) -> None:
    os.sched_setaffinity(0, {SERVER_CORE})
    with log.open("wb") as stream:
        os.dup2(stream.fileno(), 2)
    sys.stderr = os.fdopen(2, "w")
    key = ThrowawayKey(ec.generate_private_key(ec.SECP256R1()), config.signer.certificate)
    sequencer = Sequencer(config.database_url, f"bench/{config.node}", _LogKey(key))
    sequencer.start()
    try:
        run(config)
    finally:
        sequencer.stop()


class _LogKey:
    """The key of a log that lives as long as the measurement."""

    def __init__(self, key: ThrowawayKey) -> None:
        self._key = key.key

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half."""
        return self._key.public_key()

    def sign(self, data: bytes) -> bytes:
        """Return a DER ECDSA signature with SHA-256."""
        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))


def _payload(keys: Sequence[ThrowawayKey], links: tuple[int, int]) -> dict[str, object]:
    now = SystemClock().now()
    return {
        "format": "pencere-directory/1",
        "instance": "AZ",
        "version": 1,
        "issued_at": now.isoformat(),
        "expires_at": (now + timedelta(hours=24)).isoformat(),
        "members": [
            {"id": "AZ/GOV/idda", "name": {"az": "A"}, "subsystems": [{"code": "portal"}]},
            {"id": "AZ/GOV/mia", "name": {"az": "B"}, "subsystems": [{"code": "population"}]},
        ],
        "nodes": [
            {
                "id": NODES[at],
                "address": f"127.0.0.1:{links[at]}",
                "serves": [(CLIENT, SERVICE.rpartition("/")[0])[at]],
                "certificates": [keys[at].entry("tls"), keys[at].entry("sign")],
            }
            for at in (0, 1)
        ],
        "services": [
            {
                "id": SERVICE,
                "type": "REST",
                "endpoints": [["POST", "/query"]],
                "demands": ["purpose", "legal-basis", "case", "person", "user"],
                "timeout_s": 10,
            }
        ],
        "agreements": [
            {
                "id": "a-1",
                "service": SERVICE,
                "consumer": CLIENT,
                "endpoints": [["POST", "/query"]],
                "purposes": ["identify"],
                "legal_bases": ["personal-data-law"],
                "from": "2026-01-01",
                "until": "2099-12-31",
            }
        ],
    }


@contextmanager
def _nginx(folder: Path, servers: str, core: int, port: int) -> Iterator[tuple[int, ...]]:
    """Run one nginx with one worker on a core; yield the worker's pid."""
    folder.mkdir()
    settings = folder / "nginx.conf"
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    settings.write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; {paths} keepalive_requests 10000000;\n"
        "client_max_body_size 16m; client_body_buffer_size 2m; sendfile on; tcp_nodelay on;\n"
        f"{servers}\n}}\n",
        encoding="utf-8",
    )
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    process = subprocess.Popen(  # noqa: S603  # a fixed command
        [binary, "-p", str(folder), "-c", str(settings)],
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # noqa: PLW1509  # no threads yet
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield tuple(int(child) for child in children)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise Unavailable("bench.not_started", port=port)
