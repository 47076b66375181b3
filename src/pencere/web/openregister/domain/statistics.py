"""Figures of the register. Each is a plain number; no person is in any of them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Sum

from pencere.web.openregister.domain.graph import graph
from pencere.web.openregister.domain.snapshot import Snapshot
from pencere.web.stateregister.models import Application, Duty, State, Traffic

DAYS = 30


@dataclass(frozen=True, slots=True)
class Statistics:
    """All figures of a day; days of exchanges without a hidden agreement's."""

    on: date
    systems: int
    services: int
    bodies: int
    by_stage: Mapping[str, int]
    by_kind: Mapping[str, int]
    by_body: Mapping[str, int]
    by_class: Mapping[str, int]
    agreements: Mapping[str, int]
    graph: Mapping[str, int]
    exchanges: Mapping[date, Mapping[str, int]]
    applications_waiting: int
    applications_overdue: int
    checks_due: int
    checks_overdue: int

    def as_json(self) -> dict[str, Any]:
        """Return the shape `Statistics` of the OpenAPI document."""
        return {
            "on": self.on.isoformat(),
            "systems": self.systems,
            "services": self.services,
            "bodies": self.bodies,
            "by_stage": dict(self.by_stage),
            "by_kind": dict(self.by_kind),
            "by_body": dict(self.by_body),
            "by_class": dict(self.by_class),
            "agreements": dict(self.agreements),
            "graph": dict(self.graph),
            "exchanges": [
                {"day": day.isoformat(), **counts} for day, counts in self.exchanges.items()
            ],
            "applications": {
                "waiting": self.applications_waiting,
                "overdue": self.applications_overdue,
            },
            "checks": {
                "due_in_30_days": self.checks_due,
                "overdue": self.checks_overdue,
            },
        }

    def rows(self) -> Iterable[tuple[str, str, int]]:
        """Give (figure, of what, number), as the CSV has them."""
        for name in ("systems", "services", "bodies"):
            yield name, "", getattr(self, name)
        for name in ("by_stage", "by_kind", "by_body", "by_class", "agreements", "graph"):
            for of, number in getattr(self, name).items():
                yield name, of, number
        for day, counts in self.exchanges.items():
            for outcome, number in counts.items():
                yield f"exchanges_{outcome}", day.isoformat(), number
        yield "applications_waiting", "", self.applications_waiting
        yield "applications_overdue", "", self.applications_overdue
        yield "checks_due_in_30_days", "", self.checks_due
        yield "checks_overdue", "", self.checks_overdue


def statistics(of: Snapshot, *, on: date) -> Statistics:
    """Count everything, as of a day in Baku."""
    living = of.living
    open_applications = Application.objects.filter(state=State.SUBMITTED)
    open_duties = Duty.objects.filter(done_on=None)
    soon = on + timedelta(days=DAYS)
    return Statistics(
        on=on,
        systems=len(living),
        services=sum(len(one.services) for one in living),
        bodies=len({one.owner for one in living}),
        by_stage=_counted(one.stage for one in of.systems.values()),
        by_kind=_counted(one.kind for one in living),
        by_body=_counted(one.owner for one in living),
        by_class=_counted(name for one in living for name in (sorted(one.classes) or ("none",))),
        agreements=_counted(_state(one.force, one.first_day, one.last_day, on)
                            for one in of.agreements.values()),
        graph=graph(of, on=on).totals(),
        exchanges=_exchanges(of, on=on),
        applications_waiting=open_applications.count(),
        applications_overdue=open_applications.filter(due__lt=on).count(),
        checks_due=open_duties.filter(due__gte=on, due__lte=soon).count(),
        checks_overdue=open_duties.filter(due__lt=on).count(),
    )  # fmt: skip


def _state(force: str, first: date, last: date, on: date) -> str:
    if force != "in-force":
        return force
    if on < first:
        return "not-yet"
    return "ended" if on > last else "in-force"


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))


def _exchanges(of: Snapshot, *, on: date) -> dict[date, dict[str, int]]:
    """Return the counts of the last days by outcome, without what the law may hide."""
    hidden = {
        (one.consumer, f"{one.provider}/{one.service}")
        for one in of.agreements.values()
        if one.hides_traffic
    }
    rows = (
        Traffic.objects.filter(day__gt=on - timedelta(days=DAYS), day__lte=on)
        .exclude(outcome="open")
        .values("day", "outcome", "consumer", "service")
        .annotate(number=Sum("count"))
        .order_by("day")
    )
    found: dict[date, dict[str, int]] = {}
    for row in rows:
        pair = ("/".join(row["consumer"].split("/")[2:]), "/".join(row["service"].split("/")[2:]))
        if pair in hidden:
            continue
        counts = found.setdefault(row["day"], {"answered": 0, "fault": 0, "interrupted": 0})
        counts[row["outcome"]] = counts.get(row["outcome"], 0) + row["number"]
    return found
