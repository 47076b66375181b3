"""`pencere doctor`: check everything, say what is wrong."""

import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from pencere.cli.boot.post import hand_post_to
from pencere.cli.doctor.certificates import check_certificates
from pencere.cli.doctor.country_files import check_country_files
from pencere.cli.doctor.databases import check_databases
from pencere.cli.doctor.events import check_events
from pencere.cli.doctor.notices import check_notices
from pencere.cli.doctor.payments import check_payments
from pencere.cli.doctor.processes import check_processes
from pencere.cli.doctor.uploads import check_uploads
from pencere.cli.options import installation_of, parser
from pencere.kernel.clock import SystemClock
from pencere.ops.health import Check
from pencere.ops.installation import Installation
from pencere.ops.state import running


def run(arguments: Sequence[str]) -> int:
    """Print the checks; exit 1 when one has failed."""
    options = parser("doctor", "Check processes, databases, certificates, ledgers and jobs.")
    options.add_argument("--json", action="store_true", help="for machines")
    given = options.parse_args(arguments)
    installation = installation_of(given)
    os.environ.update(installation.environment())  # Django reads it there
    if _has_simulated_post(installation):
        hand_post_to(os.environ, installation)
    checks = []
    logging.disable(logging.WARNING)
    try:
        for check in examine(installation):
            checks.append(check)
            if not given.json:
                print(f"{'ok ' if check.ok else 'NOT'}  {check.name:<28}{check.detail}", flush=True)
    finally:
        logging.disable(logging.NOTSET)
    healthy = all(check.ok for check in checks)
    if given.json:
        told = {"healthy": healthy, "checks": [asdict(check) for check in checks]}
        print(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        print("Everything is well." if healthy else "Not everything is well.")
    return 0 if healthy else 1


def examine(installation: Installation) -> Iterator[Check]:
    """Do every check, one after another."""
    if not (installation.data / "run").is_dir():
        yield Check("installation", False, f"there is none in {installation.data}")
        return
    yield from check_processes(installation)
    yield from check_databases(installation)
    yield from check_country_files()
    yield from check_events(installation, SystemClock())
    yield from check_payments(installation, SystemClock())
    yield from check_uploads(installation)
    yield from check_notices(installation, SystemClock())
    yield from check_certificates(installation, SystemClock())


def _has_simulated_post(installation: Installation) -> bool:
    state = running(installation.run) if (installation.data / "run").is_dir() else None
    return state is not None and any(each.role == "post" for each in state.processes)
