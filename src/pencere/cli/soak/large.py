"""The soak of large bodies: one of many bytes both ways, and what the nodes take of memory.

Two nodes, each a process of its own, in both ways of the link one after the other. Beside the
large exchange small ones go on, which shows whether they have to wait for it.
"""

import hashlib
import http.client
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pencere.cli.soak.run import until_healthy
from pencere.cli.soak.world import CLIENT, KEY, World
from pencere.gateway.link.frames import ALPN, HTTP

BASE_PORT = 26410
WAYS = {"framed": (ALPN, HTTP), "plain": (HTTP,)}
MIB = 1024 * 1024
# What one large exchange may add to a node's memory, however large it is.
ALLOWED_MIB = 48
_PIECE = bytes(range(256)) * 1024
_TARGET = "/r1/AZ/GOV/mia/population/person/query"
_SMALL_EVERY_S = 0.05


def large(mebibytes: int, *, base_port: int = BASE_PORT) -> dict[str, Any]:
    """Carry a body of so many MiB there and back; return the report.

    `sound`: every byte was right, memory stayed flat, and no small exchange failed.
    """
    ways = {
        name: _one_way(mebibytes * MIB, protocols, base_port) for name, protocols in WAYS.items()
    }
    return {"mebibytes": mebibytes, "sound": all(one["sound"] for one in ways.values()), **ways}


def told(report: dict[str, Any]) -> str:
    """Return the report for people."""
    lines = [f"{report['mebibytes']} MiB there and back"]
    for name in WAYS:
        one = report[name]
        lines += ["", f"{name}: {'kept' if one['sound'] else 'BROKEN'}"]
        lines += [f"  {key.replace('_', ' '):<32}{one[key]}" for key in one]
    return "\n".join(lines) + "\n"


def pieces(size: int) -> Iterator[bytes]:
    """Return a body of so many bytes, a piece at a time."""
    for at in range(0, size, len(_PIECE)):
        yield _PIECE[: size - at]


def _one_way(size: int, protocols: tuple[str, ...], base_port: int) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="pencere-large-"))
    world = _LargeWorld(folder, base_port, link_protocols=protocols)
    try:
        world.start()
        until_healthy(world)
        for _ in range(50):
            _ask(world.client_port, 1000)
        nodes = ("consumer", "provider")
        before = {name: _resident(world, name) for name in nodes}
        watch = _Watch(world)
        watch.start()
        began = time.monotonic()
        whole = _ask(world.client_port, size)
        seconds = time.monotonic() - began
        watch.stop()
    finally:
        world.stop()
        shutil.rmtree(folder, ignore_errors=True)
    grown = {name: watch.peak[name] - before[name] for name in nodes}
    is_flat = all(one <= ALLOWED_MIB for one in grown.values())
    return {
        "sound": whole and is_flat and not watch.failed,
        "every_byte_right": whole,
        "seconds": round(seconds, 1),
        "mebibytes_a_second_both_ways": round(2 * size / MIB / seconds, 1),
        **{f"{name}_before_mib": round(before[name], 1) for name in nodes},
        **{f"{name}_peak_mib": round(watch.peak[name], 1) for name in nodes},
        "small_exchanges_beside": len(watch.small_s),
        "small_failed": watch.failed,
        "small_median_ms": round(1000 * sorted(watch.small_s)[len(watch.small_s) // 2], 1),
        "small_longest_ms": round(1000 * max(watch.small_s), 1),
    }


class _LargeWorld(World):
    """Two nodes and a service that keeps nothing."""

    def _serve_service(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # the name that http.server calls
                size = left = int(self.headers["Content-Length"])
                digest = hashlib.sha256()
                while left:
                    piece = self.rfile.read(min(left, len(_PIECE)))
                    if not piece:
                        return
                    digest.update(piece)
                    left -= len(piece)
                head = f"X-Digest: {digest.hexdigest()}\r\nContent-Length: {size}\r\n\r\n"
                self.wfile.write(b"HTTP/1.1 200 OK\r\n" + head.encode())
                for piece in pieces(size):
                    self.wfile.write(piece)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        ThreadingHTTPServer(("127.0.0.1", self.service_port), Handler).serve_forever()


class _Watch(threading.Thread):
    """Looks at the memory of both nodes, and asks something small again and again."""

    def __init__(self, world: World) -> None:
        super().__init__(daemon=True)
        self._world = world
        self._told = threading.Event()
        self.peak = {"consumer": 0.0, "provider": 0.0}
        self.small_s: list[float] = []
        self.failed = 0

    def run(self) -> None:
        """Until `stop`."""
        while not self._told.wait(_SMALL_EVERY_S):
            began = time.monotonic()
            if not _ask(self._world.client_port, 1000):
                self.failed += 1
            self.small_s.append(time.monotonic() - began)
            for name, peak in self.peak.items():
                self.peak[name] = max(peak, _resident(self._world, name))

    def stop(self) -> None:
        """Look no more."""
        self._told.set()
        self.join()


def _ask(port: int, size: int) -> bool:
    """Send a body of so many bytes; say whether it arrived and came back byte for byte."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"X-Road-Client": CLIENT, "Pencere-Client-Key": KEY, "Content-Length": str(size)}
    try:
        connection.request("POST", _TARGET, pieces(size), headers)
        answer = connection.getresponse()
        sent, came = hashlib.sha256(), hashlib.sha256()
        for piece in pieces(size):
            sent.update(piece)
        while piece := answer.read(len(_PIECE)):
            came.update(piece)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return (
        answer.status == 200
        and answer.headers["X-Digest"] == sent.hexdigest()
        and came.digest() == sent.digest()
    )


def _resident(world: World, name: str) -> float:
    """Return the resident memory of a process in MiB."""
    text = Path(f"/proc/{world.processes[name].pid}/status").read_text("ascii")
    kibibytes = next(line.split()[1] for line in text.splitlines() if line.startswith("VmRSS:"))
    return int(kibibytes) / 1024
