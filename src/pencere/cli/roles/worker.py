"""The worker: jobs of the portal and the office from every queue, and the order of their log."""

import os
import threading
from pathlib import Path

import django

from pencere.cli.roles.archive import start_archiving
from pencere.cli.roles.ledger import start_sequencer
from pencere.ledger.sequencer import Sequencer
from pencere.ops.installation import Installation

CONCURRENCY = 4
READY_EVERY_S = 5.0


def serve(installation: Installation) -> None:
    """Run until told to stop."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "pencere.web.settings.worker"
    django.setup(set_prefix=False)
    # It can be imported only when Django is set up.
    from pencere.web.jobs import worker  # noqa: PLC0415

    sequencer = start_sequencer(installation, "worker")
    stopping = threading.Event()
    threading.Thread(
        target=_say_ready,
        args=(installation.run / "worker.ready", sequencer, stopping),
        daemon=True,
    ).start()
    start_archiving(installation, stopping)
    try:
        worker.run(CONCURRENCY)
    finally:
        stopping.set()
        sequencer.stop()


def _say_ready(file: Path, sequencer: Sequencer, stopping: threading.Event) -> None:
    """Keep the file that says to the supervisor that the worker works: it has no address to ask."""
    while True:
        if sequencer.healthy:
            file.touch()
        else:
            file.unlink(missing_ok=True)
        if stopping.wait(READY_EVERY_S):
            return
