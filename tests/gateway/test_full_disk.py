"""A disk that is full: refusals with a reason, no false answer, and recovery without hands."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Database
from tests.gateway.conftest import Loop, Pair, Upstream, ask, wait_until

from pencere.ops.databases import make_databases, migrate_databases
from pencere.ops.installation import Installation
from pencere.ops.postgres import FORGETFUL, Cluster

DATABASES = ("gateway_portal", "gateway_agencies")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")


def mounted(folder: Path, megabytes: int) -> bool:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    if not mounted(disk, 160):
        pytest.skip("a disk cannot be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=False)


def fill(disk: Path) -> Path:
    """Leave no byte free."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        try:
            while True:
                file.write(b"\0" * 65536)
                file.flush()
        except OSError:
            pass
    return filler


@pytest.fixture
def crowded(
    small_disk: Path, tmp_path: Path, loop: Loop, upstream: Upstream
) -> Iterator[tuple[Pair, Path]]:
    """Two nodes whose PostgreSQL lies on the small disk."""
    installation = Installation(data=small_disk)
    cluster = Cluster(
        folder=installation.pg,
        socket_folder=installation.socket_folder,
        log=installation.log / "postgres.log",
        password=installation.secret("db/postgres"),
        settings={**FORGETFUL, "max_wal_size": "32MB", "min_wal_size": "32MB"},
    )
    server = cluster.start()
    try:
        make_databases(installation, DATABASES)
        migrate_databases(installation, DATABASES)
        first, second = (
            Database(
                name,
                installation.database_url(name, "owner"),
                installation.database_url(name),
                installation.superuser_url(name),
            )
            for name in DATABASES
        )
        folder = tmp_path / "nodes"
        folder.mkdir()
        pair = Pair(folder, loop, upstream, (first, second))
        yield pair, small_disk
        pair.stop()
    finally:
        cluster.stop(server)


@needs_root
def test_a_database_on_a_full_disk_stops_answers_and_not_the_node(
    crowded: tuple[Pair, Path],
) -> None:
    pair, disk = crowded
    pair.start()
    assert pair.ask().status == 200
    filler = fill(disk)
    body = os.urandom(60_000).hex().encode()
    statuses = [pair.ask(body=body).status for _ in range(12)]
    assert set(statuses) <= {200, 503, 500}
    assert 503 in statuses
    # Whatever was answered is in both logs; what was refused was answered by nobody.
    both = [
        pair.rows(at, "select count(*) from gateway.response where outcome = 'answered'")[0][0]
        for at in (0, 1)
    ]
    assert min(both) >= 1 + statuses.count(200)
    filler.unlink()
    wait_until(lambda: pair.ask().status == 200, 20)


@needs_root
def test_a_node_whose_own_files_are_on_a_full_disk_goes_on_and_says_so(
    pair: Pair, small_disk: Path
) -> None:
    pair.start(0, directory_cache=small_disk / "cache.jws", disk_free_bytes=1024 * 1024)
    pair.start(1)
    assert pair.ask().status == 200
    filler = fill(small_disk)
    pair.publish(2)
    wait_until(lambda: pair.version(0) == pair.version(1) == 2)
    assert pair.ask().status == 200
    found = ask(pair.ports[0], "GET", "/healthz")
    (disk,) = [one for one in found.json["checks"] if one["name"] == "disk"]
    assert (found.status, disk) == (503, {"name": "disk", "ok": False, "detail": "0 MiB free"})
    filler.unlink()
    wait_until(lambda: ask(pair.ports[0], "GET", "/healthz").status == 200)
