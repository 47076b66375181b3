"""What `/metrics` says of a node as it is now."""

from pencere.gateway.delivery.dispatch import Dispatcher
from pencere.gateway.delivery.pushing import Pusher
from pencere.gateway.exchange.core import Core
from pencere.gateway.log.stamps import Stamper


def gauges(
    core: Core,
    stamper: Stamper | None,
    dispatcher: Dispatcher,
    pusher: Pusher,
    connections: int,
) -> dict[str, float]:
    """Return the gauges by name; `connections` are those that are open."""
    directory = core.directory.newest
    left = (directory.expires_at - core.now()).total_seconds() if directory else 0.0
    return {
        "in_flight": core.in_flight,
        "connections": connections,
        "log_queue": core.log.depth,
        "log_rows": core.log.rows,
        "log_commits": core.log.commits,
        "signatures": core.signer.batches,
        "signed_statements": core.signer.statements,
        "directory_version": directory.version if directory else 0,
        "directory_seconds_left": left,
        "unstamped_seconds": stamper.unstamped_s if stamper else 0.0,
        "clock_off_seconds": core.clocks.off_s,
        "certificate_seconds_left": core.keys.seconds_left(core.now()),
        "spool_bytes": core.spools.in_use,
        "spool_files": core.spools.files,
        "spool_refusals": core.spools.refusals,
        "bodies_not_kept": core.bodies_not_kept,
        "messages_waiting": dispatcher.backlog.waiting,
        "messages_dead": dispatcher.backlog.dead,
        "messages_oldest_seconds": dispatcher.backlog.oldest_s(core.now()),
        "events_waiting": pusher.backlog.waiting,
        "events_dead": pusher.backlog.dead,
        "events_oldest_seconds": pusher.backlog.oldest_s(core.now()),
        **core.observer.gauges(),
    }
