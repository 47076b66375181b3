"""What is really asked, beside what was agreed: counts that the providers' nodes report.

A node counts its log anew for the days asked for, so collecting twice counts nothing twice.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from cryptography import x509
from django.db import transaction
from django.db.models import Max

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Invalid, Unavailable
from pencere.web.stateregister.domain.node_certificates import proved
from pencere.web.stateregister.models import Traffic

log = logging.getLogger(__name__)

# A day is asked for again for so long: exchanges that were in work end later.
LOOK_BACK = timedelta(days=2)
LONGEST_REPORT = timedelta(days=32)
OUTCOMES = ("answered", "fault", "interrupted", "open")
_LONGEST = 300

# A node's answer for the days from the first to the second, both included.
Ask = Callable[[date, date], Mapping[str, Any]]


@dataclass(frozen=True)
class TrafficCount:
    """A count of a day, over all nodes; `outcome`: `ok` where a service answered, or `fault`."""

    day: date
    consumer: str
    provider: str
    service: str
    outcome: str
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


@transaction.atomic
def reported(jws: str, *, anchors: Sequence[x509.Certificate], at: datetime) -> int:
    """Take the counts that a node which joined tells of itself; return how many there are.

    They take the place of what it told of these days; of other nodes' systems it can tell nothing.

    Raises:
        Refused, Invalid: `node.*`, `traffic.malformed`.
    """
    node, payload, _ = proved(jws, anchors=anchors, at=at)
    try:
        first, last = (date.fromisoformat(payload[key]) for key in ("from", "to"))
    except (KeyError, TypeError, ValueError) as problem:
        raise Invalid("traffic.malformed", node=node.identifier) from problem
    rows = [_row(node.identifier, one, at) for one in _list(payload)]
    own = {system.key for system in node.serves.select_related("owner")}
    if (
        not timedelta(0) <= last - first <= LONGEST_REPORT
        or last > local_date(at) + timedelta(days=1)
        or any(not first <= row.day <= last for row in rows)
        or any(_system(row.service.rpartition("/")[0]) not in own for row in rows)
    ):
        raise Invalid("traffic.malformed", node=node.identifier)
    Traffic.objects.filter(node=node.identifier, day__gte=first, day__lte=last).delete()
    Traffic.objects.bulk_create(rows, batch_size=1000)
    return len(rows)


def counts(since: date, until: date) -> list[TrafficCount]:
    """Return what was asked from one day to another, both included; systems as `body/code`.

    What is in work still is in none of it.
    """
    found: dict[tuple[date, str, str, str, str], int] = {}
    for row in Traffic.objects.filter(day__gte=since, day__lte=until).exclude(outcome="open"):
        provider, _, service = row.service.rpartition("/")
        outcome = "ok" if row.outcome == "answered" else "fault"
        key = (row.day, _system(row.consumer), _system(provider), service, outcome)
        found[key] = found.get(key, 0) + row.count
    return [TrafficCount(*key, count) for key, count in sorted(found.items())]


def last_collected() -> datetime | None:
    """Return when a node was counted last."""
    found: datetime | None = Traffic.objects.aggregate(last=Max("counted_at"))["last"]
    return found


def _system(identifier: str) -> str:
    """Return `body/code` of `AZ/GOV/body/code`."""
    return "/".join(identifier.split("/")[2:])


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
