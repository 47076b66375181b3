"""Starts the processes of an installation, keeps them alive, and ends them.

One thread, because a child's tie to its parent is a tie to the thread that started it: when that
is gone, however it went, the kernel ends the child.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pencere.kernel.errors import Unavailable
from pencere.ops.health import ask
from pencere.ops.installation import Installation
from pencere.ops.postgres import Cluster
from pencere.ops.processes import Identity, dying_with_parent
from pencere.ops.state import Phase, ProcessState, State, forget_state

HEALTHY_WITHIN_S = 90.0
STOPPED_WITHIN_S = 10.0
ATTEMPTS_AT_START = 3
LONGEST_BACK_OFF_S = 30.0
STEADY_AFTER_S = 60.0  # after this long the next death starts with the shortest back-off again
HEALTH_EVERY_S = 10.0
# Many small threads: glibc would keep an arena of memory for each.
LEAN = {"PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2"}
LARGEST_LOG_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True)
class Role:
    """A process to keep. `after` are the roles that must be healthy before it is started.

    One without an address says that it is ready by making `data/run/<name>.ready`.
    """

    name: str
    command: Sequence[str]
    address: str | None
    after: Sequence[str] = ()


@dataclass
class _Child:
    role: Role
    process: subprocess.Popen[bytes] | None = None
    identity: Identity | None = None
    healthy: bool = False
    restarts: int = 0
    attempts: int = 0
    started: float = 0.0
    asked: float = 0.0
    not_before: float = 0.0
    last_words: str = ""

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass
class Supervisor:
    """Owner of the processes. `report` is told what happens: (event, role, detail)."""

    installation: Installation
    roles: Sequence[Role]
    cluster: Cluster | None
    report: Callable[[str, str, str], None]
    phase: Phase = "starting"
    database: subprocess.Popen[bytes] | None = None
    _children: dict[str, _Child] = field(default_factory=dict)
    _stop_asked: bool = False

    def __post_init__(self) -> None:
        self._children = {role.name: _Child(role) for role in self.roles}
        self._me = Identity.of(os.getpid())

    # What its owner does with it

    def listen_to_signals(self) -> None:
        """Let SIGINT and SIGTERM ask for an orderly stop."""
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, self._ask_to_stop)

    def asked_to_stop(self) -> bool:
        """Whether a signal has asked for the end."""
        return self._stop_asked

    def start_database(self) -> None:
        """Start the embedded server, if the installation has one."""
        if self.cluster is not None:
            self.database = self.cluster.start()
        self._save()

    def start_roles(self) -> None:
        """Start each role when those before it are healthy; return when all are.

        Raises:
            Unavailable: a role died three times or did not become healthy in time.
        """
        until = time.monotonic() + HEALTHY_WITHIN_S
        while not all(child.healthy for child in self._children.values()):
            if self._stop_asked:
                return
            self._look_after_all()
            for child in self._children.values():
                if child.attempts >= ATTEMPTS_AT_START and not child.alive:
                    raise self._failed(child, "it ended while starting")
                if not child.healthy and time.monotonic() > until:
                    raise self._failed(child, child.last_words or "not started")
            time.sleep(0.05)
        self.phase = "running"
        self._save()

    def keep(self) -> None:
        """Restart what dies, until asked to stop."""
        while not self._stop_asked:
            self._look_after_all()
            time.sleep(0.2)

    def stop(self) -> None:
        """End the roles, those that others need last, then the database server."""
        self.phase = "stopping"
        self._save()
        waiting = dict(self._children)
        asked: dict[str, float] = {}
        while waiting:
            for name, child in list(waiting.items()):
                if not child.alive:
                    del waiting[name]
                    continue
                needed = any(name in other.role.after for other in waiting.values())
                if name not in asked and not needed:
                    assert child.process is not None  # noqa: S101  # alive
                    child.process.send_signal(signal.SIGTERM)
                    asked[name] = time.monotonic()
                elif name in asked and time.monotonic() > asked[name] + STOPPED_WITHIN_S:
                    assert child.process is not None  # noqa: S101
                    self.report("killed", name, "it did not stop when asked")
                    child.process.kill()
                    child.process.wait()
            time.sleep(0.02)
        if self.cluster is not None and self.database is not None:
            self.cluster.stop(self.database)
        forget_state(self.installation.run)

    # One round

    def _look_after_all(self) -> None:
        self._look_after_database()
        changed = False
        for child in self._children.values():
            if self._stop_asked:
                return
            changed |= self._look_after(child)
        if changed:
            self._save()

    def _look_after_database(self) -> None:
        if self.cluster is None or self.database is None or self.database.poll() is None:
            return
        self.report("died", "postgres", f"exit code {self.database.returncode}")
        self.database = self.cluster.start()
        self.report("restarted", "postgres", "")
        self._save()

    def _look_after(self, child: _Child) -> bool:
        """Do what is due for one child; return whether its state changed."""
        now = time.monotonic()
        if child.alive:
            return self._look_at_health(child, now)
        if child.process is not None:
            self._bury(child, now)
            return True
        ready = all(self._children[name].healthy for name in child.role.after)
        if now >= child.not_before and (ready or self.phase == "running"):
            self._start(child)
            return True
        return False

    def _look_at_health(self, child: _Child, now: float) -> bool:
        if now - child.asked < (HEALTH_EVERY_S if child.healthy else 0.1):
            return False
        child.asked = now
        if child.role.address is None:
            healthy = (self.installation.run / f"{child.role.name}.ready").exists()
            child.last_words = "" if healthy else "it has not said that it is ready"
        else:
            answer = ask(child.role.address)
            healthy, child.last_words = answer.healthy, answer.detail
        changed = healthy != child.healthy
        if changed:
            self.report("healthy" if healthy else "unhealthy", child.role.name, child.last_words)
        child.healthy = healthy
        return changed

    def _start(self, child: _Child) -> None:
        role = child.role
        (self.installation.run / f"{role.name}.ready").unlink(missing_ok=True)
        log = self.installation.log / f"{role.name}.log"
        _turn_over(log)
        with log.open("ab") as output:
            child.process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                role.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, **self.installation.environment(), **LEAN},
                preexec_fn=dying_with_parent(signal.SIGTERM),  # noqa: PLW1509  # one thread only
            )
        child.identity = Identity.of(child.process.pid)
        child.started = time.monotonic()
        child.attempts += 1

    def _bury(self, child: _Child, now: float) -> None:
        assert child.process is not None  # noqa: S101  # asked by the caller
        code = child.process.returncode
        if now - child.started > STEADY_AFTER_S:
            child.restarts = 0
        child.not_before = now + min(0.5 * 2**child.restarts, LONGEST_BACK_OFF_S)
        child.restarts += 1
        child.healthy, child.process, child.identity = False, None, None
        self.report("died", child.role.name, f"exit code {code}")

    # What it tells

    def _failed(self, child: _Child, reason: str) -> Unavailable:
        log = self.installation.log / f"{child.role.name}.log"
        return Unavailable(
            "role.start", role=child.role.name, reason=reason, log=str(log), detail=_end_of(log)
        )

    def _save(self) -> None:
        processes = [
            ProcessState(
                role=child.role.name,
                pid=child.identity.pid,
                started_at=child.identity.started_at,
                address=child.role.address,
                healthy=child.healthy,
                restarts=child.restarts,
            )
            for child in self._children.values()
            if child.identity is not None
        ]
        if self.database is not None and self.database.poll() is None:
            server = Identity.of(self.database.pid)
            processes.insert(
                0, ProcessState("postgres", server.pid, server.started_at, None, True, 0)
            )
        me = ProcessState("supervisor", self._me.pid, self._me.started_at, None, True, 0)
        State(self.phase, me, self.installation.base_port, processes).save(self.installation.run)

    def _ask_to_stop(self, *_: object) -> None:
        self._stop_asked = True


def _turn_over(log: Path) -> None:
    """Keep one older log beside the present one."""
    try:
        if log.stat().st_size > LARGEST_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
    except FileNotFoundError:
        pass


def _end_of(log: Path, lines: int = 12) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
