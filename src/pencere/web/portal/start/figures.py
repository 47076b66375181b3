"""What the state accounts for on the first page: counted from cases, or left out."""

from dataclasses import dataclass
from datetime import date, datetime, time

from django.db import connection

from pencere.kernel.clock import BAKU

# Lapsed and withdrawn applications were not decided upon.
_COUNT = """
select count(*),
       count(*) filter (where due is null or (closed_at at time zone 'Asia/Baku')::date <= due)
from cases_case where closed_at >= %s and outcome in ('granted', 'refused')
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """Decisions of a calendar month."""

    decided: int
    in_time: int

    @property
    def in_time_percent(self) -> int:
        """The share that kept the legal term, rounded down: a late one is never hidden."""
        return self.in_time * 100 // self.decided


def figures_of_month(today: date) -> Figures | None:
    """Return this month's figures; None while there is nothing to count."""
    begin = datetime.combine(today.replace(day=1), time(), BAKU)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [begin])
        decided, in_time = cursor.fetchone()
    return Figures(decided, in_time) if decided else None
