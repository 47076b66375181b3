"""How a service goes in practice: how many used it and how long it took, counted from cases."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from django.db import connection

COUNTED = timedelta(days=365)
COUNTED_ANEW = timedelta(minutes=5)

# Lapsed and withdrawn applications were not decided upon.
_COUNT = """
select service, count(distinct person_id),
       percentile_disc(0.5) within group (order by closed_at - submitted_at)
from cases_case
where closed_at > %s and outcome in ('granted', 'refused')
group by service
"""


@dataclass(frozen=True, slots=True)
class Practice:
    """People whose applications were decided upon; half of them waited no longer than `median`."""

    people: int
    median: timedelta


def practice_of(service: str, *, at: datetime) -> Practice | None:
    """Return what is known of the last year; None when nobody's application was decided yet."""
    length = int(COUNTED_ANEW.total_seconds())
    return _of_all(int(at.timestamp()) // length * length).get(service)


@lru_cache(maxsize=1)
def _of_all(until: int) -> Mapping[str, Practice]:
    since = datetime.fromtimestamp(until, UTC) - COUNTED
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [since])
        return {service: Practice(people, median) for service, people, median in cursor}


def forget_practice() -> None:
    """Count anew at the next question."""
    _of_all.cache_clear()
