"""Who uses what: agreements beside what was really asked, and where the two differ.

used       agreed, and asked in the last days
quiet      agreed, asked once, but not for DYING days: the right may be ended
never      agreed and never asked, though the agreement is older than NEW days
new        agreed, not yet asked, the agreement is young
ended      no right any more, and asked while there was one
unagreed   asked and answered without any agreement in the register: an alarm
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
    edges = [
        _edge(pair, tuple(agreed.get(pair, ())), counted.get(pair), on, shows_hidden)
        for pair in agreed.keys() | counted.keys()
    ]
    edges.sort(key=lambda one: (VERDICTS.index(one.verdict), one.consumer, one.service_id))
    return Graph(tuple(edges), bool(counted))


def _edge(
    pair: Pair,
    agreements: tuple[OpenAgreement, ...],
    counted: Counted | None,
    on: date,
    shows_hidden: bool,
) -> Edge:
    is_hidden = any(one.hides_traffic for one in agreements) and not shows_hidden
    if is_hidden:
        counted = None
    verdict = "used" if is_hidden else verdict_of(agreements, counted, on=on)
    return Edge(*pair, agreements, counted, verdict, is_hidden)


def verdict_of(agreements: Iterable[OpenAgreement], counted: Counted | None, *, on: date) -> str:
    """Say how what was agreed and what was asked stand to one another."""
    every = tuple(agreements)
    living = [one for one in every if one.is_in_force(on)]
    if counted is not None and _was_beyond(every, counted):
        return "unagreed" if counted.answered else "refused"
    if not living:
        return "ended"
    if counted is None or counted.last_answered is None:
        began = min(one.first_day for one in living)
        return "new" if on - began < timedelta(days=NEW) else "never"
    return "quiet" if on - counted.last_answered >= timedelta(days=DYING) else "used"


def _was_beyond(agreements: tuple[OpenAgreement, ...], counted: Counted) -> bool:
    """Say whether it was answered on a day for which no agreement was ever made.

    An agreement that was ended early gave its right until then, so its last day is the bound.
    """
    if not agreements:
        return True
    if counted.first_answered is None or counted.last_answered is None:
        return False
    first = min(one.first_day for one in agreements)
    last = max(one.last_day for one in agreements)
    return counted.first_answered < first or counted.last_answered > last


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
