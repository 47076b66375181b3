"""Who uses what: agreements beside what was really asked, and where the two differ.

used       agreed, and asked in the last days
quiet      agreed, asked once, but not for DYING days: the right may be ended
never      agreed and never asked, though the agreement is older than NEW days
new        agreed, not yet asked, the agreement is young
ended      no right any more, and asked while there was one
unagreed   asked and answered on a day on which no agreement gave the right: an alarm
refused    asked without an agreement and refused by the node, as it should be
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

from django.db.models import Max, Min, Q, Sum

from pencere.web.openregister.domain.records import OpenAgreement
from pencere.web.openregister.domain.snapshot import Snapshot
from pencere.web.stateregister.domain.periods import gaps, merged
from pencere.web.stateregister.models import Traffic

COUNTED = 30
DYING = 90
NEW = 30
ANSWERED = "answered"

VERDICTS = ("unagreed", "refused", "never", "quiet", "used", "new", "ended")
# Answered by a node to every client of the directory, so no agreement is needed.
FREE = frozenset({"listMethods", "allowedMethods", "getOpenAPI", "getEvidence"})
# What stands in the table first: what somebody should look at.
ALARMS = frozenset({"unagreed"})


@dataclass(frozen=True, slots=True)
class Counted:
    """Exchanges of a pair: in all and in the last COUNTED days; answered ones and others."""

    answered: int
    other: int
    lately: int
    first_answered: date | None
    last_answered: date | None


@dataclass(frozen=True, slots=True)
class Edge:
    """A consumer and a service: what was agreed, what was asked, the verdict.

    `counted` None: never asked. `is_hidden`: the counts are for officers only.
    """

    consumer: str
    provider: str
    service: str
    agreements: tuple[OpenAgreement, ...]
    counted: Counted | None
    verdict: str
    is_hidden: bool

    @property
    def service_id(self) -> str:
        """`<body>/<system>/<service>`."""
        return f"{self.provider}/{self.service}"


@dataclass(frozen=True, slots=True)
class Graph:
    """All pairs, in the order in which they are worth looking at. `counted_at` of the counts."""

    edges: tuple[Edge, ...]
    is_counted: bool

    def of_system(self, system: str) -> "Graph":
        """Return the part around a system."""
        kept = tuple(one for one in self.edges if system in {one.consumer, one.provider})
        return Graph(kept, self.is_counted)

    def of_body(self, body: str) -> "Graph":
        """Return the part around a body."""
        kept = tuple(
            one
            for one in self.edges
            if body in {one.consumer.partition("/")[0], one.provider.partition("/")[0]}
        )
        return Graph(kept, self.is_counted)

    def totals(self) -> Mapping[str, int]:
        """Return how many pairs have each verdict."""
        found = dict.fromkeys(VERDICTS, 0)
        for one in self.edges:
            found[one.verdict] += 1
        return MappingProxyType(found)


Pair = tuple[str, str, str]


def graph(of: Snapshot, *, on: date, shows_hidden: bool = False) -> Graph:
    """Return who uses what, as of a day in Baku.

    For the public (`shows_hidden` False) a pair whose accesses the law may hide keeps its
    agreement and loses its counts.
    """
    counted = _counts(on=on)
    agreed: dict[Pair, list[OpenAgreement]] = defaultdict(list)
    for one in of.agreements.values():
        agreed[one.consumer, one.provider, one.service].append(one)
    between = _answered_between(agreed, on=on)
    edges = [
        _edge(pair, tuple(agreed.get(pair, ())), counted.get(pair), on, shows_hidden,
              pair in between)
        for pair in agreed.keys() | counted.keys()
    ]  # fmt: skip
    edges.sort(key=lambda one: (VERDICTS.index(one.verdict), one.consumer, one.service_id))
    return Graph(tuple(edges), bool(counted))


def _edge(  # noqa: PLR0913, PLR0917 - an edge is all of these
    pair: Pair,
    agreements: tuple[OpenAgreement, ...],
    counted: Counted | None,
    on: date,
    shows_hidden: bool,
    was_between: bool,
) -> Edge:
    is_hidden = any(one.hides_traffic for one in agreements) and not shows_hidden
    if is_hidden:
        counted = None
    verdict = (
        "used" if is_hidden else verdict_of(agreements, counted, on=on, was_between=was_between)
    )
    return Edge(*pair, agreements, counted, verdict, is_hidden)


def verdict_of(
    agreements: Iterable[OpenAgreement],
    counted: Counted | None,
    *,
    on: date,
    was_between: bool = False,
) -> str:
    """Say how what was agreed and what was asked stand to one another.

    `was_between`: it was answered on a day between the periods of the agreements.
    """
    every = tuple(agreements)
    living = [one for one in every if one.is_in_force(on)]
    if counted is not None and (was_between or _was_beyond(every, counted)):
        return "unagreed" if counted.answered else "refused"
    if not living:
        return "ended"
    if counted is None or counted.last_answered is None:
        began = min(one.first_day for one in living)
        return "new" if on - began < timedelta(days=NEW) else "never"
    return "quiet" if on - counted.last_answered >= timedelta(days=DYING) else "used"


def _was_beyond(agreements: tuple[OpenAgreement, ...], counted: Counted) -> bool:
    """Say whether it was answered before the first day of any right, or after the last one."""
    rights = merged(period for one in agreements for period in one.periods)
    if not agreements:
        return True
    if counted.first_answered is None or counted.last_answered is None:
        return False
    if not rights:
        return True
    return counted.first_answered < rights[0][0] or counted.last_answered > rights[-1][1]


def _answered_between(agreed: Mapping[Pair, list[OpenAgreement]], *, on: date) -> frozenset[Pair]:
    """Return pairs that were answered while their right was suspended, or between two rights."""
    empty = {
        pair: found
        for pair, every in agreed.items()
        if (found := gaps(period for one in every for period in one.periods))
    }
    if not empty:
        return frozenset()
    days = Q()
    for found in empty.values():
        for first, last in found:
            days |= Q(day__gte=first, day__lte=last)
    rows = (
        Traffic.objects.filter(days, outcome=ANSWERED, count__gt=0, day__lte=on)
        .values("consumer", "service", "day")
        .distinct()
    )
    return frozenset(
        pair
        for row in rows
        if (pair := _pair(row)) in empty
        and any(first <= row["day"] <= last for first, last in empty[pair])
    )


def _counts(*, on: date) -> Mapping[Pair, Counted]:
    since = on - timedelta(days=COUNTED - 1)
    answered = Q(outcome=ANSWERED)
    rows = (
        Traffic.objects.filter(day__lte=on)
        .exclude(outcome="open")
        .values("consumer", "service")
        .annotate(
            answered=Sum("count", filter=answered),
            whole=Sum("count"),
            lately=Sum("count", filter=answered & Q(day__gte=since)),
            first_answered=Min("day", filter=answered & Q(count__gt=0)),
            last_answered=Max("day", filter=answered & Q(count__gt=0)),
        )
    )
    found: dict[Pair, Counted] = {}
    for row in rows:
        pair = _pair(row)
        if pair is not None:
            done = row["answered"] or 0
            found[pair] = Counted(
                answered=done,
                other=row["whole"] - done,
                lately=row["lately"] or 0,
                first_answered=row["first_answered"],
                last_answered=row["last_answered"],
            )
    return found


def _pair(row: Mapping[str, Any]) -> Pair | None:
    """Read `AZ/GOV/<body>/<system>` and `AZ/GOV/<body>/<system>/<service>`."""
    consumer, service = row["consumer"].split("/"), row["service"].split("/")
    if len(consumer) != 4 or len(service) != 5 or service[4] in FREE:
        return None
    return "/".join(consumer[2:]), "/".join(service[2:4]), service[4]
