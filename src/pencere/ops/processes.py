"""What the operating system knows of a process: who it is, and that it ends with its parent."""

import ctypes
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same number."""

    pid: int
    started_at: float

    @classmethod
    def of(cls, pid: int) -> "Identity":
        """Raises psutil.NoSuchProcess when there is none."""
        return cls(pid, psutil.Process(pid).create_time())

    def is_running(self) -> bool:
        """Whether this very process is alive; one that waits to be reaped is not."""
        return self.process() is not None

    def process(self) -> psutil.Process | None:
        """Return the process while it is alive."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started_at) < 1.0
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    def end(self, sign: signal.Signals, *, wait_s: float) -> bool:
        """Send `sign` and wait; return whether the process is gone."""
        process = self.process()
        if process is None:
            return True
        try:
            process.send_signal(sign)
        except psutil.NoSuchProcess:
            return True
        until = time.monotonic() + wait_s
        while self.is_running():
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True


def dying_with_parent(sign: signal.Signals) -> Callable[[], None]:
    """Return a `preexec_fn`: the child gets `sign` when its parent is gone, even by kill -9.

    The parent is the thread that starts the child, so children are started from the main thread.
    """
    parent = os.getpid()

    def prepare() -> None:
        if _libc.prctl(_PR_SET_PDEATHSIG, int(sign)) != 0:
            os._exit(127)
        if os.getppid() != parent:  # it went before the call above
            os._exit(127)

    return prepare


def memory_of(pid: int, *, family: bool = True) -> tuple[int, int]:
    """Return resident bytes of a process, with its descendants if `family`: (RSS, PSS).

    PSS divides what several processes share among them, so that the sum over all processes is
    what they take together. Where the kernel does not tell it, RSS is given twice.
    """
    resident = proportional = 0
    try:
        root = psutil.Process(pid)
        members = [root, *(root.children(recursive=True) if family else [])]
    except psutil.NoSuchProcess:
        return 0, 0
    for process in members:
        try:
            resident += process.memory_info().rss
            proportional += _pss(process.pid) or process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return resident, proportional


def _pss(pid: int) -> int:
    try:
        with Path(f"/proc/{pid}/smaps_rollup").open(encoding="ascii") as rollup:
            for line in rollup:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
