"""Money: the book adds up, and no day waits for long to be compared, explained or closed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg

from pencere.kernel.clock import Clock, local_date
from pencere.ops.health import Check
from pencere.ops.installation import Installation

# A difference is explained on the working day after; a weekend may lie between.
UNEXPLAINED_FOR = timedelta(days=4)
UNCLOSED_FOR = timedelta(days=7)

_UNBALANCED = """
select count(*) from (
    select 1 from payments_entry group by movement having sum(amount) <> 0
) as movements
"""
_OPEN = """
select count(*), min(found_at) from payments_difference where explained_at is null
"""
_UNCLOSED = """
select coalesce(
    (select max(day) + 1 from payments_closing),
    (select (min(at) at time zone 'Asia/Baku')::date from payments_entry)
)
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
    """Four checks: the book, differences with the bank, days to close, refunds refused."""
    [[unbalanced]] = web.execute(_UNBALANCED).fetchall()
    told = "adds up" if not unbalanced else f"{unbalanced} movements do not add up"
    yield Check("payments book", not unbalanced, told)
    [[count, oldest]] = web.execute(_OPEN).fetchall()
    if count:
        told = f"{count} not explained, oldest of {oldest:%Y-%m-%d}"
        yield Check("payments differences", now - oldest <= UNEXPLAINED_FOR, told)
    else:
        yield Check("payments differences", True, "none")
    [[day]] = web.execute(_UNCLOSED).fetchall()
    is_late = day is not None and local_date(now) - day > UNCLOSED_FOR
    told = f"{day} waits to be closed" if is_late else "closed in time"
    yield Check("payments days", not is_late, told)
    [[refused]] = web.execute(_REFUSED).fetchall()
    told = "none refused" if not refused else f"{refused} refused by the bank"
    yield Check("payments refunds", not refused, told)
