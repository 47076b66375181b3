"""The whole platform, brought up, killed in the middle, brought up again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pencere.cli.roles import ORDER
from pencere.kernel.errors import Conflict
from pencere.ops.installation import Installation
from pencere.ops.ports import require_free_ports
from pencere.ops.state import running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    folder = Path(tempfile.mkdtemp(prefix="pencere-up-"))
    made = Installation(folder, base_port=_free_base_port())
    yield made
    _pencere(made, "down")
    shutil.rmtree(folder, ignore_errors=True)


def test_a_start_that_was_killed_in_the_middle_is_completed_by_the_next(
    installation: Installation,
) -> None:
    first = subprocess.Popen(
        [*_command(installation, "up"), "--people", "60", "--detach"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    # The root is there, what it certifies is not yet.
    _until((installation.data / "trust" / "root.crt").exists)
    state = running(installation.run)
    assert state is not None
    os.kill(state.supervisor.pid, signal.SIGKILL)
    output, _ = first.communicate(timeout=60)
    assert first.returncode != 0, output
    _until(lambda: not any(each.identity.is_running() for each in state.processes))

    second = _pencere(installation, "up", "--people", "60", "--detach")

    assert second.returncode == 0, second.stdout + second.stderr
    assert f"http://127.0.0.1:{installation.base_port}" in second.stdout
    told = json.loads(_pencere(installation, "status", "--json").stdout)
    assert [row["role"] for row in told["processes"][:2]] == ["supervisor", "postgres"]
    assert {row["role"] for row in told["processes"][2:]} == set(ORDER)
    assert {row["healthy"] for row in told["processes"]} == {True}
    assert told["proportional_bytes"] < 1.5 * 1024**3


def test_everything_is_well_once_it_runs(installation: Installation) -> None:
    done = _pencere(installation, "doctor", "--json")

    told = json.loads(done.stdout)
    assert [check for check in told["checks"] if not check["ok"]] == []
    assert (done.returncode, told["healthy"]) == (0, True)


def test_the_certificate_of_a_person_is_found_and_revoked(installation: Installation) -> None:
    def listed() -> list[dict[str, str]]:
        done = _pencere(installation, "ca", "list", "--person", "emin", "--json")
        rows: list[dict[str, str]] = json.loads(done.stdout)
        return rows

    before = {row["profile"]: row for row in listed()}
    revoking = _pencere(installation, "ca", "revoke", before["person-signature"]["serial"])
    again = _pencere(installation, "ca", "revoke", before["person-signature"]["serial"])

    assert {row["state"] for row in before.values()} == {"valid"}
    assert (revoking.returncode, again.returncode) == (0, 1)
    assert again.stderr == "pencere ca: certificate.revoked_already\n"
    assert {row["profile"]: row["state"] for row in listed()} == {
        "person-signature": "revoked",
        "person-authentication": "valid",
    }


def test_who_may_ask_for_what_is_explained_from_the_directory(installation: Installation) -> None:
    asked = ("gateway", "explain", "/r1/AZ/GOV/bpqmi/population/person/query", "--json")
    right = ("--purpose", "my-data", "--basis", "ferdi-melumatlar-haqqinda")

    allowed = _pencere(installation, *asked, *right)
    refused = _pencere(installation, *asked, *right, "--client", "AZ/GOV/nobody/system")

    assert (allowed.returncode, json.loads(allowed.stdout)["allowed"]) == (0, True)
    assert (refused.returncode, json.loads(refused.stdout)["code"]) == (
        1,
        "server.serverproxy.access_denied",
    )


def test_the_registers_are_as_they_were_written(installation: Installation) -> None:
    done = _pencere(installation, "register", "verify")

    assert (done.returncode, done.stdout) == (0, "0 faults\n")


def test_a_second_start_on_the_same_data_is_refused(installation: Installation) -> None:
    done = _pencere(installation, "up", "--detach")

    assert done.returncode == 1
    assert done.stderr.startswith("pencere up: installation.running\n")


def test_another_installation_is_told_which_port_is_taken(
    installation: Installation, tmp_path: Path
) -> None:
    other = Installation(tmp_path, base_port=installation.base_port)

    done = _pencere(other, "up", "--detach")

    assert done.returncode == 1
    assert done.stderr.startswith(
        f"pencere up: port.taken\n  port: {installation.base_port}\n  role: portal\n"
    )


def test_a_killed_platform_leaves_nothing_and_starts_again(
    installation: Installation,
) -> None:
    state = running(installation.run)
    assert state is not None
    os.kill(state.supervisor.pid, signal.SIGKILL)
    _until(lambda: not any(each.identity.is_running() for each in state.processes))

    done = _pencere(installation, "up", "--detach")

    assert done.returncode == 0, done.stdout + done.stderr


def test_stopping_twice_is_no_error(installation: Installation) -> None:
    codes = [_pencere(installation, "down").returncode for _ in range(2)]

    assert codes == [0, 0]
    assert running(installation.run) is None


def _command(installation: Installation, command: str) -> list[str]:
    return [
        *(sys.executable, "-m", "pencere.cli", command),
        *("--data", str(installation.data), "--base-port", str(installation.base_port)),
    ]


def _pencere(
    installation: Installation, command: str, *options: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_command(installation, command), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def _free_base_port() -> int:
    for base in range(9000, 12000):
        try:
            require_free_ports(Installation(Path("/nonexistent"), base_port=base))
        except Conflict:
            continue
        return base
    raise AssertionError("no free ports from 9000")


def _until(there: Callable[[], bool], *, within_s: float = 180) -> None:
    until = time.monotonic() + within_s
    while not there():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)
