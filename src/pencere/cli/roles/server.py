"""Granian, as every HTTP role behind it is run: one worker, few threads, no access log.

Granian runs its workers as processes that another one watches. Here the supervisor watches, and
the worker is a thread of the role's only process: that is 33 MiB less for each role.
"""

import logging
import os
import sys
import time
from typing import Literal

from granian.constants import HTTPModes, Interfaces
from granian.server import MTServer

from pencere.ops.installation import Installation

_INTERFACES = {"asgi": Interfaces.ASGI, "asginl": Interfaces.ASGINL, "wsgi": Interfaces.WSGI}


class _Server(MTServer):
    """Granian's server with its worker in a thread, on an interpreter with its global lock too."""

    def _check_gil(self) -> None:
        """Go on: one worker gains nothing from running without the lock, and needs nothing."""


def serve_http(
    installation: Installation,
    role: str,
    *,
    interface: Literal["asgi", "wsgi"],
    threads: int = 1,
) -> None:
    """Serve `pencere.cli.roles.<role>:create` on the role's port until SIGTERM or SIGINT.

    `threads` are those that run WSGI requests; each keeps a database connection.
    """
    os.environ.update(installation.environment())
    _Server(
        f"pencere.cli.roles.{role}:create",
        factory=True,
        interface=_INTERFACES[interface],
        address="127.0.0.1",
        port=installation.port(role),
        workers=1,
        workers_kill_timeout=5,
        blocking_threads=threads,
        runtime_threads=1,
        runtime_blocking_threads=2,
        backlog=1024,
        http=HTTPModes.http1,
        websockets=False,
        log_access=False,
        log_dictconfig=logging_to_stderr(),
    ).serve()


def begin_worker() -> Installation:
    """Call first in `create`: the role logs as all roles do."""
    log_to_stderr()
    return Installation.from_environment()


def logging_to_stderr() -> dict[str, object]:
    """Return the logging configuration of roles outside Django: one line an event, UTC."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "pencere.cli.roles.server.UtcFormatter"}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "stream": "ext://sys.stderr",
            }
        },
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {"_granian": {"level": "WARNING"}},
    }


def log_to_stderr() -> None:
    """Configure logging of this process, unless it is already."""
    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(UtcFormatter())
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        # Of each request its whole address, which is the caller's business alone.
        logging.getLogger("httpx").setLevel(logging.WARNING)


class UtcFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.123Z INFO pencere.trust.ocsp event key=value`."""

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S"
        )

    @staticmethod
    def converter(seconds: float | None) -> time.struct_time:
        """Give UTC."""
        return time.gmtime(seconds)
