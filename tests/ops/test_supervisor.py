"""Starting, keeping and ending the processes, whatever happens to them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from pencere.kernel.errors import Conflict, Unavailable
from pencere.ops.installation import Installation
from pencere.ops.ports import require_free_ports
from pencere.ops.postgres import Cluster
from pencere.ops.processes import Identity
from pencere.ops.state import ProcessState, State, claim, end_leftovers, read_state, running
from pencere.ops.supervisor import Role, Supervisor

PLATFORM = str(Path(__file__).with_name("small_platform.py"))
SMALL_ROLE = str(Path(__file__).with_name("small_role.py"))


@pytest.fixture
def installation() -> Iterator[Installation]:
    folder = Path(tempfile.mkdtemp(prefix="pencere-ops-"))
    yield Installation(data=folder, base_port=_free_base_port())
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def start(installation: Installation) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start_one() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, PLATFORM],
            env={**os.environ, **installation.environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start_one
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def test_everything_starts_and_a_signal_ends_it_in_good_order(
    installation: Installation, start: Callable[[], subprocess.Popen[str]]
) -> None:
    process = start()
    state = _when(installation, lambda state: state.phase == "running")

    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=30)

    assert [each.role for each in state.processes] == ["postgres", "trust", "portal"]
    assert [each.healthy for each in state.processes] == [True, True, True]
    assert process.returncode == 0, output
    assert _all_gone(state)
    assert read_state(installation.run) is None
    assert not (installation.pg / "cluster" / "postmaster.pid").exists()


def test_nothing_outlives_a_supervisor_that_was_killed_and_the_next_start_works(
    installation: Installation, start: Callable[[], subprocess.Popen[str]]
) -> None:
    process = start()
    state = _when(installation, lambda state: state.phase == "running")
    with psycopg.connect(installation.superuser_url(), autocommit=True) as connection:
        connection.execute("create table kept as select 42 as answer")

    process.kill()
    process.wait()
    _until(lambda: _all_gone(state))
    start()
    again = _when(installation, lambda state: state.phase == "running")

    assert [each.role for each in again.processes] == ["postgres", "trust", "portal"]
    with psycopg.connect(installation.superuser_url()) as connection:
        assert connection.execute("select answer from kept").fetchall() == [(42,)]


def test_a_kill_in_the_middle_of_the_first_start_is_mended_by_the_next(
    installation: Installation, start: Callable[[], subprocess.Popen[str]]
) -> None:
    process = start()
    _until(lambda: any(installation.pg.glob("cluster.new*")))

    process.kill()
    process.wait()
    start()
    state = _when(installation, lambda state: state.phase == "running")

    assert [each.healthy for each in state.processes] == [True, True, True]


def test_postgresql_killed_while_it_works_comes_back_with_what_was_committed(
    installation: Installation, start: Callable[[], subprocess.Popen[str]]
) -> None:
    start()
    before = _when(installation, lambda state: state.phase == "running").processes[0]
    with psycopg.connect(installation.superuser_url(), autocommit=True) as connection:
        connection.execute("create table kept as select 42 as answer")

    os.kill(before.pid, signal.SIGKILL)
    _when(installation, lambda state: state.processes[0].pid not in {before.pid})

    with psycopg.connect(installation.superuser_url()) as connection:
        assert connection.execute("select answer from kept").fetchall() == [(42,)]


def test_a_role_that_dies_is_started_again(
    installation: Installation, start: Callable[[], subprocess.Popen[str]]
) -> None:
    start()
    before = _role(_when(installation, lambda state: state.phase == "running"), "trust")

    os.kill(before.pid, signal.SIGKILL)
    after = _role(
        _when(
            installation,
            lambda state: any(
                each.role == "trust" and each.pid != before.pid and each.healthy
                for each in state.processes
            ),
        ),
        "trust",
    )

    assert (after.restarts, after.healthy) == (1, True)


def test_a_second_start_on_the_same_data_is_refused_while_the_first_runs(
    installation: Installation,
) -> None:
    with claim(installation), pytest.raises(Conflict) as refused, claim(installation):
        pass

    assert refused.value.code == "installation.running"
    assert refused.value.facts == {"data": str(installation.data), "pid": str(os.getpid())}


def test_the_claim_is_free_again_after_its_holder_is_gone(installation: Installation) -> None:
    with claim(installation):
        pass

    with claim(installation):
        assert (installation.run / "lock").read_text() == str(os.getpid())


def test_a_number_that_now_belongs_to_another_program_is_left_alone(
    installation: Installation,
) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    identity = Identity.of(stranger.pid)
    try:
        for started_at in (identity.started_at, identity.started_at - 100):
            old = ProcessState("trust", stranger.pid, started_at, None, True, 0)
            me = ProcessState("supervisor", 1, 0.0, None, True, 0)
            State("running", me, 8000, [old]).save(installation.run)

            assert end_leftovers(installation.run) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_role_left_behind_is_ended(installation: Installation) -> None:
    left = subprocess.Popen(
        [sys.executable, SMALL_ROLE, "0", "pencere.cli", "serve", "trust"],
        start_new_session=True,
    )
    identity = Identity.of(left.pid)
    _until(lambda: "small_role.py" in " ".join(identity.process().cmdline()))
    old = ProcessState("trust", identity.pid, identity.started_at, None, True, 0)
    me = ProcessState("supervisor", 1, 0.0, None, True, 0)
    State("running", me, 8000, [old]).save(installation.run)

    assert end_leftovers(installation.run) == ["trust"]
    assert left.wait(5) == -signal.SIGTERM
    assert running(installation.run) is None


def test_a_role_that_cannot_start_is_named_with_the_end_of_its_log(
    installation: Installation,
) -> None:
    command = (sys.executable, SMALL_ROLE, "dies", "pencere.cli", "serve", "trust")
    supervisor = Supervisor(
        installation,
        [Role("trust", command, installation.address("trust"))],
        None,
        report=lambda *_: None,
    )

    with pytest.raises(Unavailable) as refused:
        supervisor.start_roles()
    supervisor.stop()

    assert refused.value.code == "role.start"
    assert refused.value.facts["role"] == "trust"
    assert refused.value.facts["detail"] == "\n".join(3 * ["it cannot read its configuration"])


def test_a_role_without_an_address_is_healthy_when_it_says_so(installation: Installation) -> None:
    command = (sys.executable, SMALL_ROLE, "ready", "pencere.cli", "serve", "worker")
    (installation.run / "worker.ready").touch()  # of an earlier run: not to be believed
    supervisor = Supervisor(
        installation, [Role("worker", command, None)], None, report=lambda *_: None
    )

    supervisor.start_roles()
    state = read_state(installation.run)
    supervisor.stop()

    assert state is not None
    assert [(each.role, each.healthy) for each in state.processes] == [("worker", True)]


def test_a_taken_port_is_named_before_anything_is_started(installation: Installation) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", installation.port("trust")))
        taken.listen()

        with pytest.raises(Conflict) as refused:
            require_free_ports(installation)

    assert refused.value.code == "port.taken"
    assert refused.value.facts["port"] == installation.port("trust")
    assert refused.value.facts["role"] == "trust"
    assert str(os.getpid()) in str(refused.value.facts["by"])


def test_a_stale_pid_file_does_not_keep_postgresql_from_starting(
    installation: Installation,
) -> None:
    cluster = Cluster.of(installation)
    cluster.stop(cluster.start())
    (cluster.data / "postmaster.pid").write_text(f"{os.getpid()}\n{cluster.data}\n")

    server = cluster.start()
    cluster.stop(server)

    assert server.returncode == 0


def test_a_data_folder_too_deep_for_a_socket_gets_a_short_one(installation: Installation) -> None:
    deep = Installation(data=installation.data / ("x" * 90))
    cluster = Cluster.of(deep)

    server = cluster.start()
    with psycopg.connect(deep.superuser_url()) as connection:
        row = connection.execute("show fsync").fetchone()
    cluster.stop(server)
    deep.socket_folder.rmdir()

    assert deep.socket_folder.parent == Path("/tmp")
    assert row == ("on",)


def _free_base_port() -> int:
    for base in range(9000, 9200, 1):
        probe = Installation(data=Path("/nonexistent"), base_port=base)
        try:
            require_free_ports(probe)
        except Conflict:
            continue
        return base
    raise AssertionError("no free ports from 9000")


def _when(installation: Installation, wanted: Callable[[State], bool]) -> State:
    found: list[State] = []

    def there() -> bool:
        state = running(installation.run)
        if state is not None and wanted(state):
            found.append(state)
        return bool(found)

    _until(there)
    return found[0]


def _role(state: State, name: str) -> ProcessState:
    return next(each for each in state.processes if each.role == name)


def _all_gone(state: State) -> bool:
    return not any(each.identity.is_running() for each in state.processes)


def _until(there: Callable[[], bool], *, within_s: float = 120) -> None:
    until = time.monotonic() + within_s
    while not there():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)
