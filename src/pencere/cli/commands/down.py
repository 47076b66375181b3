"""`pencere down`: stop what `up` started, in good order."""

import signal
from collections.abc import Sequence

from pencere.cli.options import installation_of, parser
from pencere.ops.postgres import Cluster
from pencere.ops.state import end_leftovers, forget_state, running

STOPPED_WITHIN_S = 60.0


def run(arguments: Sequence[str]) -> int:
    """Stop the installation; one that does not run is left as it is."""
    options = parser("down", "Stop everything that `pencere up` started on this data folder.")
    installation = installation_of(options.parse_args(arguments))
    if not (installation.data / "run").is_dir():
        print(f"There is no installation in {installation.data}.")
        return 0
    state = running(installation.run)
    if state is not None and state.supervisor.identity.end(signal.SIGTERM, wait_s=STOPPED_WITHIN_S):
        print(f"Stopped. {installation.data} keeps everything for the next start.")
        return 0
    if state is not None:
        state.supervisor.identity.end(signal.SIGKILL, wait_s=10)
    ended = end_leftovers(installation.run)
    if installation.external_database_url is None and (installation.pg / "cluster").is_dir():
        cluster = Cluster.of(installation)
        if cluster.postmaster() is not None:
            cluster.end()
            ended.append("postgres")
    forget_state(installation.run)
    if ended:
        print(f"Ended what an earlier run had left: {', '.join(ended)}.")
    else:
        print("It is not running.")
    return 0
