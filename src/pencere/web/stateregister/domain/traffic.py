"""What is really asked, beside what was agreed: counts that the providers' nodes report.

A node counts its log anew for the days asked for, so collecting twice counts nothing twice.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Sum

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Invalid, Unavailable
from pencere.web.stateregister.models import Traffic

log = logging.getLogger(__name__)

# A day is asked for again for so long: exchanges that were in work end later.
LOOK_BACK = timedelta(days=2)
OUTCOMES = ("answered", "fault", "interrupted", "open")
_LONGEST = 300

# A node's answer for the days from the first to the second, both included.
Ask = Callable[[date, date], Mapping[str, Any]]


@dataclass(frozen=True)
class Pair:
    """How often a consumer asked a service."""

    consumer: str
    service: str
    count: int


def collect(node: str, ask: Ask, *, at: datetime) -> int:
    """Bring the counts of a node up to now; return how many rows it reported.

    Raises:
        Unavailable: the node did not answer; Invalid: `traffic.malformed`.
    """
    today = local_date(at)
    newest = Traffic.objects.filter(node=node).order_by("-day").values_list("day", flat=True)
    last = newest.first()
    first = today - LOOK_BACK if last is None else min(today, last) - LOOK_BACK
    answer = ask(first, today)
    rows = [_row(node, one, at) for one in _list(answer)]
    if any(not first <= row.day <= today for row in rows):
        raise Invalid("traffic.malformed", node=node)
    with transaction.atomic():
        Traffic.objects.filter(node=node, day__gte=first, day__lte=today).delete()
        Traffic.objects.bulk_create(rows, batch_size=1000)
    return len(rows)


def collect_all(nodes: Iterable[tuple[str, Ask]], *, at: datetime) -> dict[str, int]:
    """Collect from several nodes; one that is away is tried again with the next run."""
    counted: dict[str, int] = {}
    for node, ask in nodes:
        try:
            counted[node] = collect(node, ask, at=at)
        except (Unavailable, Invalid) as problem:
            log.warning("traffic_not_collected node=%s reason=%s", node, problem.code)
    return counted


def pairs(first: date, last: date) -> list[Pair]:
    """Return who asked whom how often in these days, most first; whatever the outcome."""
    rows = (
        Traffic.objects.filter(day__gte=first, day__lte=last)
        .values("consumer", "service")
        .annotate(total=Sum("count"))
        .order_by("-total", "consumer", "service")
    )
    return [Pair(row["consumer"], row["service"], row["total"]) for row in rows]


def _list(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = answer.get("traffic")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Invalid("traffic.malformed", node=str(answer.get("node"))[:200])
    return found


def _row(node: str, given: Mapping[str, Any], at: datetime) -> Traffic:
    try:
        row = Traffic(
            day=date.fromisoformat(given["day"]),
            node=node,
            consumer=str(given["consumer"]),
            service=str(given["service"]),
            outcome=given["outcome"],
            count=int(given["count"]),
            counted_at=at,
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise Invalid("traffic.malformed", node=node) from problem
    is_sound = (
        row.outcome in OUTCOMES
        and row.count >= 0
        and max(len(row.consumer), len(row.service)) <= _LONGEST
    )
    if not is_sound:
        raise Invalid("traffic.malformed", node=node)
    return row
