"""What a running installation writes of itself (`data/run/state.json`); the claim on its data."""

import fcntl
import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import psutil

from pencere.kernel.errors import Conflict
from pencere.ops.installation import Installation
from pencere.ops.processes import Identity

Phase = Literal["starting", "running", "stopping"]


@dataclass(frozen=True)
class ProcessState:
    """One process of the installation. `address` is None when it speaks no HTTP."""

    role: str
    pid: int
    started_at: float
    address: str | None
    healthy: bool
    restarts: int

    @property
    def identity(self) -> Identity:
        """Who it is, whatever the number is used for later."""
        return Identity(self.pid, self.started_at)


@dataclass(frozen=True)
class State:
    """The supervisor and its processes, in the order of their start."""

    phase: Phase
    supervisor: ProcessState
    base_port: int
    processes: Sequence[ProcessState]

    def save(self, run: Path) -> None:
        """Replace the file whole, so that a reader never sees half of it."""
        new = run / ".state.json.new"
        new.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        new.replace(run / "state.json")


def read_state(run: Path) -> State | None:
    """Return what the last supervisor wrote, alive or not."""
    try:
        found = json.loads((run / "state.json").read_text(encoding="utf-8"))
        return State(
            phase=found["phase"],
            supervisor=ProcessState(**found["supervisor"]),
            base_port=found["base_port"],
            processes=tuple(ProcessState(**each) for each in found["processes"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None  # never started, or by a version that wrote something else


def forget_state(run: Path) -> None:
    """Remove the file after an orderly stop."""
    (run / "state.json").unlink(missing_ok=True)


def running(run: Path) -> State | None:
    """Return the state when its supervisor is alive."""
    state = read_state(run)
    return state if state is not None and state.supervisor.identity.is_running() else None


@contextmanager
def claim(installation: Installation) -> Iterator[None]:
    """Hold the data folder for one supervisor. The kernel lets go of it even after kill -9.

    Raises:
        Conflict: another one has it.
    """
    folder = installation.run
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            raise Conflict(
                "installation.running", data=str(installation.data), pid=holder
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def end_leftovers(run: Path) -> list[str]:
    """End what a killed supervisor left behind; return the roles.

    A process is ended only if number, start time and command line are those that were written
    down: the number alone may belong to another program by now.
    """
    state = read_state(run)
    ended = []
    for each in state.processes if state is not None else ():
        process = each.identity.process()
        if process is None or not _is_role(process, each.role):
            continue
        family = [Identity.of(child.pid) for child in process.children(recursive=True)]
        if not each.identity.end(signal.SIGTERM, wait_s=10):
            each.identity.end(signal.SIGKILL, wait_s=10)
        for child in family:
            child.end(signal.SIGKILL, wait_s=5)
        ended.append(each.role)
    return ended


def _is_role(process: psutil.Process, role: str) -> bool:
    try:
        command = process.cmdline()
    except psutil.NoSuchProcess:
        return False
    return "pencere.cli" in command and command[-2:] == ["serve", role]
