"""Two members on hosts of their own: network namespaces with real addresses and a cable."""

import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.gateway.conftest import SERVICE, Pair, ask, headers, wait_until
from tests.gateway.test_link import NODE_SCRIPT

T = TypeVar("T")
_NEW_NETWORK = 0x40000000
ADDRESSES = ("10.77.213.1", "10.77.213.2")

UPSTREAM = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response_only(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"here")
    def log_message(self, *args):
        pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


class Hosts:
    """Two namespaces, a cable between them."""

    def __init__(self) -> None:
        tag = os.getpid()
        self.names = (f"pencere-{tag}-a", f"pencere-{tag}-b")
        self._ends = (f"pna{tag}"[:15], f"pnb{tag}"[:15])
        self.processes: list[subprocess.Popen[bytes]] = []

    def make(self) -> None:
        for name in self.names:
            ip("netns", "add", name)
        ip("link", "add", self._ends[0], "type", "veth", "peer", "name", self._ends[1])
        for name, end, address in zip(self.names, self._ends, ADDRESSES, strict=True):
            ip("link", "set", end, "netns", name)
            ip("-n", name, "addr", "add", f"{address}/24", "dev", end)
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", end, "up")

    def remove(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(20)
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def cable(self, state: str) -> None:
        ip("-n", self.names[1], "link", "set", self._ends[1], state)

    def run(self, at: int, *command: str) -> None:
        whole = ["ip", "netns", "exec", self.names[at], *command]
        self.processes.append(subprocess.Popen(whole))

    def inside(self, at: int, function: Callable[[], T]) -> T:
        """Call a function in a thread that lives on one of the hosts."""
        found: list[T | BaseException] = []

        def enter() -> None:
            try:
                with Path("/var/run/netns", self.names[at]).open("rb") as file:
                    libc = ctypes.CDLL(None, use_errno=True)
                    assert libc.setns(file.fileno(), _NEW_NETWORK) == 0, ctypes.get_errno()
                found.append(function())
            except BaseException as problem:  # for the thread that waits
                found.append(problem)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if isinstance(found[0], BaseException):
            raise found[0]
        return found[0]

    def listens(self, at: int, port: int) -> bool:
        def probe() -> bool:
            with socket.socket() as one:
                return one.connect_ex(("127.0.0.1", port)) == 0

        return self.inside(at, probe)


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and `ip` (iproute2)")
    found = Hosts()
    try:
        found.make()
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as problem:
        found.remove()
        if os.environ.get("CI"):
            pytest.fail(f"root, and yet no network namespaces: {problem}")
        pytest.skip(f"this machine gives root no network namespaces: {problem}")
    try:
        yield found
    finally:
        found.remove()


def start_node(hosts: Hosts, pair: Pair, at: int) -> None:
    config = pair.config(at)
    names = (
        "node", "database_url", "secret", "tls_certificate", "tls_key", "tls_anchors", "node_file",
        "directory_file", "directory_cache", "client_port", "link_port",
    )  # fmt: skip
    values: dict[str, Any] = {name: getattr(config, name) for name in names}
    values |= {"link_host": ADDRESSES[at], "link_margin_s": 1.0}
    given = json.dumps({k: str(v) if isinstance(v, Path) else v for k, v in values.items()})
    hosts.run(at, sys.executable, "-c", NODE_SCRIPT, given)
    wait_until(lambda: hosts.listens(at, pair.ports[at]), 20)


def test_members_on_two_hosts_exchange_and_recover_when_the_cable_was_cut(
    pair: Pair, hosts: Hosts
) -> None:
    payload = pair.payload(1)
    for at, node in enumerate(payload["nodes"]):
        node["address"] = f"{ADDRESSES[at]}:{pair.link_ports[at]}"
    payload["services"][0]["timeout_s"] = 1
    pair.publish(1, nodes=payload["nodes"], services=payload["services"])
    hosts.run(1, sys.executable, "-c", UPSTREAM, str(pair.upstream.port))
    wait_until(lambda: hosts.listens(1, pair.upstream.port), 20)
    start_node(hosts, pair, 1)
    start_node(hosts, pair, 0)

    def outcome() -> tuple[int, bytes | str]:
        answer = hosts.inside(
            0, lambda: ask(pair.ports[0], "POST", SERVICE + "/query", headers(), b"{}")
        )
        return answer.status, answer.header("X-Road-Error") or answer.body

    before = outcome()
    hosts.cable("down")
    cut = [outcome(), outcome()]
    hosts.cable("up")
    wait_until(lambda: outcome() == (200, b"here"), 20)

    assert before == (200, b"here")
    assert cut[0] == (504, "server.clientproxy.io_error")
    assert cut[1] in {
        (504, "server.clientproxy.io_error"),
        (502, "server.clientproxy.network_error"),
    }
