"""Events of registers reach the node: none is dead, no system's way has been closed for long."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import psycopg

from pencere.kernel.clock import Clock
from pencere.ops.health import Check
from pencere.ops.installation import Installation
from pencere.registers.dead_events import by_reason, dead_events, ways

# A node that starts anew is back within a minute.
CLOSED_FOR = timedelta(minutes=10)
_REASONS = 5


def check_events(installation: Installation, clock: Clock) -> Iterator[Check]:
    """Two checks: dead events with their reasons, and systems whose events are not taken."""
    url = installation.database_url("registers")
    try:
        yield _dead(url)
        yield _ways(url, clock.now())
    except psycopg.Error as reason:
        yield Check("events", False, str(reason).strip().split("\n")[0])


def _dead(url: str) -> Check:
    found = dead_events(url)
    if not found:
        return Check("events dead", True, "none")
    reasons = by_reason(found)
    told = [f"{type_} {reason} ({count})" for type_, reason, count in reasons[:_REASONS]]
    if len(reasons) > _REASONS:
        told.append("and others")
    return Check(
        "events dead", False, f"{len(found)}: {', '.join(told)}; see: pencere register events"
    )


def _ways(url: str, now: datetime) -> Check:
    found = ways(url)
    closed = [
        f"{way.system} since {way.closed_since:%Y-%m-%d %H:%M}Z: {way.reason}"
        for way in found
        if way.closed_since is not None and way.waiting and now - way.closed_since > CLOSED_FOR
    ]
    waiting = f"{sum(way.waiting for way in found)} wait"
    return Check("events handed over", not closed, "; ".join([waiting, *closed]))
