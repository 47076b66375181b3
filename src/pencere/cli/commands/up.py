"""`pencere up`: everything, from an empty folder to a country that answers."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Sequence

from pencere.cli.boot.completed import is_completed, mark_completed
from pencere.cli.boot.post import hand_post_to
from pencere.cli.options import installation_of, parser, remember_base_port
from pencere.cli.progress import Pipe, Progress, for_terminal, relay, step
from pencere.cli.roles import ORDER, WITHOUT_HTTP
from pencere.cli.welcome import welcome
from pencere.kernel.errors import Conflict, Misconfigured
from pencere.ops.forget import forget
from pencere.ops.installation import Installation
from pencere.ops.ports import require_free_ports
from pencere.ops.postgres import Cluster
from pencere.ops.processes import dying_with_parent
from pencere.ops.state import claim, end_leftovers, running
from pencere.ops.supervisor import Role, Supervisor

MOST_PEOPLE = 20_000_000


class BootFailed(Exception):  # noqa: N818  # said to nobody: the reason is already printed
    """A step did not succeed; `code` is the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def run(arguments: Sequence[str]) -> int:
    """Start; in the foreground until Ctrl-C, or `--detach` until all is healthy."""
    options = parser("up", "Start the whole platform with the demonstration country.")
    options.add_argument("--people", metavar="N", default="2000", help="size of the population")
    options.add_argument("--detach", action="store_true", help="return when everything runs")
    options.add_argument("--fresh", action="store_true", help="forget the data folder first")
    options.add_argument("--yes", action="store_true", help="ask nothing")
    options.add_argument("--report-to", type=int, metavar="FD", help="used by --detach itself")
    given = options.parse_args(arguments)
    installation = installation_of(given)
    people = _people(given.people)
    if given.report_to is not None:
        return _supervise(installation, Pipe(given.report_to), people)
    _refuse_second(installation)
    if given.fresh and not _made_fresh(installation, given):
        print("Nothing was changed.")
        return 1
    end_leftovers(installation.run)
    require_free_ports(installation)
    if given.detach:
        return _detach(installation, people)
    return _supervise(installation, for_terminal(), people)


def _people(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_PEOPLE:
        return int(text)
    raise Misconfigured(
        file="command line", key="--people", value=text, example=f"2000 (1 to {MOST_PEOPLE})"
    )


def _refuse_second(installation: Installation) -> None:
    state = running(installation.run) if (installation.data / "run").is_dir() else None
    if state is not None:
        raise Conflict(
            "installation.running",
            data=installation.data,
            pid=state.supervisor.pid,
            do=f"see it with: pencere status --data {installation.data}; "
            f"stop it with: pencere down --data {installation.data}",
        )


def _made_fresh(installation: Installation, given: Namespace) -> bool:
    if not given.yes and sys.stdin.isatty():
        answer = input(f"Forget everything in {installation.data}? [y/N] ")
        if answer.strip().lower() not in {"y", "yes"}:
            return False
    with claim(installation):
        end_leftovers(installation.run)
        forget(installation)
    return True


# In the foreground


def _supervise(installation: Installation, progress: Progress, people: int) -> int:
    """Start everything and keep it until a signal asks for the end."""
    with claim(installation):
        end_leftovers(installation.run)
        remember_base_port(installation)
        hand_post_to(os.environ, installation)
        embedded = installation.external_database_url is None
        supervisor = Supervisor(
            installation,
            [
                Role(
                    name,
                    (sys.executable, "-m", "pencere.cli", "serve", name),
                    None if name in WITHOUT_HTTP else installation.address(name),
                    tuple(after),
                )
                for name, after in ORDER.items()
            ],
            Cluster.of(installation) if embedded else None,
            report=_reporter(progress),
        )
        supervisor.listen_to_signals()
        try:
            if not _start(supervisor, progress, people):
                return 1
            supervisor.keep()
        except BootFailed as failure:
            return failure.code
        finally:
            # A second Ctrl-C must not cut the orderly end short.
            for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(sign, signal.SIG_IGN)
            progress.say("Stopping.")
            supervisor.stop()
            progress.say("Stopped.")
    return 0


def _start(supervisor: Supervisor, progress: Progress, people: int) -> bool:
    """Return whether everything runs; false when asked to stop meanwhile."""
    began = time.monotonic()
    with step(progress, "PostgreSQL") as outcome:
        supervisor.start_database()
        outcome.append("embedded" if supervisor.cluster is not None else "external")
    installation = supervisor.installation
    if is_completed(installation):
        boot = _Boot(supervisor, _OnlyWords(progress), people)
    else:
        boot = _Boot(supervisor, progress, people)
        boot.wait()
    if supervisor.asked_to_stop():
        return False
    with step(progress, "Processes") as outcome:
        supervisor.start_roles()
        boot.wait()
        stopped = supervisor.asked_to_stop()
        outcome.append("stopped" if stopped else f"{len(supervisor.roles)} healthy")
    if supervisor.asked_to_stop():
        return False
    mark_completed(installation)
    progress.say(welcome(supervisor.installation, took_s=time.monotonic() - began))
    if isinstance(progress, Pipe):
        progress.close()
    return True


class _Boot:
    """The steps, in a process of their own, so that what they load is not kept in memory."""

    def __init__(self, supervisor: Supervisor, progress: Progress, people: int) -> None:
        self._supervisor = supervisor
        installation = supervisor.installation
        reading, writing = os.pipe()
        command = [sys.executable, "-m", "pencere.cli.boot"]
        with (installation.log / "boot.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                [*command, "--people", str(people), "--progress", str(writing)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[writing],
                start_new_session=True,
                env={**os.environ, **installation.environment()},
                preexec_fn=dying_with_parent(signal.SIGKILL),  # noqa: PLW1509  # main thread
            )
        os.close(writing)
        self._showing = threading.Thread(target=_show, args=(reading, progress), daemon=True)
        self._showing.start()

    def wait(self) -> None:
        """Return when all steps are done, or when the platform is asked to stop."""
        while self._process.poll() is None:
            if self._supervisor.asked_to_stop():
                self._process.terminate()
                self._process.wait()
            time.sleep(0.02)
        self._showing.join()
        code = self._process.returncode
        if code != 0 and not self._supervisor.asked_to_stop():
            raise BootFailed(code if code > 0 else 1)


def _show(reading: int, progress: Progress) -> None:
    with os.fdopen(reading, encoding="utf-8") as source:
        relay(source, progress)


class _OnlyWords:
    """Progress of steps that only repeat: nothing is shown but what is wrong."""

    def __init__(self, progress: Progress) -> None:
        self.say = progress.say

    def begin(self, step: str) -> None:
        """Show nothing."""

    def advance(self, done: int, total: int) -> None:
        """Show nothing."""

    def end(self, outcome: str) -> None:
        """Show nothing."""


def _reporter(progress: Progress) -> "_Reporter":
    return _Reporter(progress)


class _Reporter:
    """Tells what happens to the processes: deaths and restarts always, health while starting."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._healthy = 0

    def __call__(self, event: str, role: str, detail: str) -> None:
        if event == "healthy":
            self._healthy += 1
            self._progress.advance(min(self._healthy, len(ORDER)), len(ORDER))
        else:
            print(f"process_{event} role={role} {detail}".rstrip(), file=sys.stderr, flush=True)


# Detached


def _detach(installation: Installation, people: int) -> int:
    """Start a supervisor in a session of its own and show its progress until all is healthy."""
    reading, writing = os.pipe()
    log = installation.log / "up.log"
    began = log.stat().st_size if log.exists() else 0
    command = [sys.executable, "-m", "pencere.cli", "up", "--people", str(people)]
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [*command, "--report-to", str(writing)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            pass_fds=[writing],
            start_new_session=True,
            env={**os.environ, **installation.environment()},
        )
    os.close(writing)
    try:
        with os.fdopen(reading, encoding="utf-8") as source:
            relay(source, for_terminal())
    except KeyboardInterrupt:
        process.send_signal(signal.SIGTERM)
        process.wait()
        raise
    state = running(installation.run)
    if state is not None and state.phase == "running" and process.poll() is None:
        return 0
    code = process.wait()
    with log.open("rb") as written:
        written.seek(began)
        shutil.copyfileobj(written, sys.stderr.buffer)
    return code or 1
