"""The office: Django under Granian in WSGI mode."""

from collections.abc import Callable
from typing import Any

from pencere.cli.roles.server import begin_worker, serve_http
from pencere.ops.installation import Installation

THREADS = 2


def serve(installation: Installation) -> None:
    """Run until told to stop."""
    serve_http(installation, "office", interface="wsgi", threads=THREADS)


def create() -> Callable[..., Any]:
    """Return the application; Granian's worker calls this."""
    begin_worker()
    # In the worker only: the process that watches it shall not carry Django.
    from pencere.web.wsgi import application  # noqa: PLC0415

    return application("office")
