"""A certification centre for one measurement: founded, served on a core of its own, thrown away."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from pencere.cli.boot.trust import found
from pencere.kernel.errors import Unavailable
from pencere.ops.databases import make_databases, migrate_databases
from pencere.ops.installation import PORTS, Installation
from pencere.ops.postgres import Cluster
from pencere.trust.ceremony import Centre

# The caller's core and the one of what is measured; the same where there is but one.
CORES = sorted(os.sched_getaffinity(0))
CLIENT_CORE, SERVER_CORE = CORES[0], CORES[-1]


@dataclass(frozen=True)
class Trial:
    """A centre that serves at `port`, from process `pid`."""

    installation: Installation
    centre: Centre
    port: int
    pid: int


@contextmanager
def trial_centre() -> Iterator[Trial]:
    """Found a centre on a database of its own and serve it; nothing of it stays."""
    # The database server runs as another user, so the folder cannot be closed to all.
    folder = Path(tempfile.mkdtemp(prefix="pencere-bench-"))
    port = free_port()
    installation = Installation(data=folder, base_port=port - PORTS["trust"])
    cluster = Cluster.of(installation)
    server = cluster.start()
    try:
        make_databases(installation, ["trust"])
        migrate_databases(installation, ["trust"])
        centre = found(installation)
        with _serving(installation, port) as pid:
            yield Trial(installation, centre, port, pid)
    finally:
        cluster.stop(server)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _serving(installation: Installation, port: int) -> Iterator[int]:
    with (installation.log / "trust.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  # our own command
            on_core(SERVER_CORE, [sys.executable, "-m", "pencere.cli", "serve", "trust"]),
            env={**os.environ, **installation.environment()},
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(port, process, path="/healthz")
        yield process.pid
    finally:
        process.terminate()
        process.wait(15)


def on_core(core: int, command: list[str]) -> list[str]:
    """Return a command that keeps to one core."""
    pin = f"import os,sys;os.sched_setaffinity(0,{{{core}}});os.execvp(sys.argv[1],sys.argv[1:])"
    return [sys.executable, "-c", pin, *command]


def wait_for(
    port: int, process: subprocess.Popen[bytes], *, path: str, body: bytes | None = None
) -> None:
    """Return when somebody answers at the port, to a GET or to what is posted.

    Raises:
        Unavailable: `bench.not_started`; the process ended, or half a minute went by.
    """
    for _ in range(300):
        try:
            url = f"http://127.0.0.1:{port}{path}"
            answer = (
                requests.get(url, timeout=2)
                if body is None
                else requests.post(
                    url, body, headers={"Content-Type": "application/ocsp-request"}, timeout=2
                )
            )
            if answer.ok:
                return
        except (OSError, requests.RequestException):
            pass
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise Unavailable("bench.not_started", port=port)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found_port: int = probe.getsockname()[1]
        return found_port
