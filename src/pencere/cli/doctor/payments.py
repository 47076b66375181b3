"""Money: the book adds up, and no day waits for long to be compared, explained or closed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg

from pencere.kernel.clock import Clock
from pencere.ops.health import Check
from pencere.ops.installation import Installation

# A difference is explained on the working day after; a weekend may lie between.
UNEXPLAINED_FOR = timedelta(days=4)

_UNBALANCED = """
select count(*) from (
    select 1 from payments_entry group by movement having sum(amount) <> 0
) as movements
"""
_OPEN = """
select count(*), min(found_at) from payments_difference where explained_at is null
"""
_REFUSED = "select count(*) from payments_refund where progress = 'refused'"


def check_payments(installation: Installation, clock: Clock) -> Iterator[Check]:
    """Look at the money of an installation."""
    try:
        with psycopg.connect(installation.database_url("web"), connect_timeout=5) as web:
            yield from look(web, clock.now())
    except psycopg.Error as reason:
        yield Check("payments", False, str(reason).strip().split("\n")[0])


def look(web: psycopg.Connection[Any], now: datetime) -> Iterator[Check]:
    """Three checks: the book, differences with the bank, refunds the bank refused."""
    [[unbalanced]] = web.execute(_UNBALANCED).fetchall()
    told = "adds up" if not unbalanced else f"{unbalanced} movements do not add up"
    yield Check("payments book", not unbalanced, told)
    [[count, oldest]] = web.execute(_OPEN).fetchall()
    if count:
        told = f"{count} not explained, oldest of {oldest:%Y-%m-%d}"
        yield Check("payments differences", now - oldest <= UNEXPLAINED_FOR, told)
    else:
        yield Check("payments differences", True, "none")
    [[refused]] = web.execute(_REFUSED).fetchall()
    told = "none refused" if not refused else f"{refused} refused by the bank"
    yield Check("payments refunds", not refused, told)
