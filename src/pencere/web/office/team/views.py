"""How the unit's work stands: open, overdue, decided in time; by officer."""

from datetime import date, timedelta

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.kernel.clock import local_date
from pencere.web.cases.models import Case
from pencere.web.office.who import caseworker
from pencere.web.people.models.person import Person
from pencere.web.rules import rule, visit_of
from pencere.web.texts import t

PERIOD = timedelta(days=30)


@rule(caseworker)
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show the figures of the bodies the person works at, counted now."""
    now = settings.CLOCK.now()
    ours = Case.objects.filter(body__in=visit_of(request).bodies)
    recent = ours.filter(closed_at__gte=now - PERIOD)
    counted = recent.exclude(due=None).aggregate(
        decided=Count("pk"), in_time=Count("pk", filter=Q(closed_at__date__lte=F("due")))
    )
    today = local_date(now)
    return render(
        request,
        "office/team/pages/team.jinja",
        {
            "figures": [
                {"label": t("office.team.open"), "value": ours.filter(closed_at=None).count()},
                {"label": t("office.team.overdue"), "value": _overdue(ours, today)},
                {"label": t("office.team.decided"), "value": recent.count()},
                {"label": t("office.team.in_time"), "value": _share(counted)},
            ],
            "rows": _by_officer(ours, today),
        },
    )


def _overdue(cases: QuerySet[Case], today: date) -> int:
    return cases.filter(closed_at=None, due__lt=today).count()


def _share(counted: dict[str, int]) -> str:
    if not counted["decided"]:
        return t("office.team.none_yet")
    return f"{round(100 * counted['in_time'] / counted['decided'])}%"


def _by_officer(cases: QuerySet[Case], today: date) -> list[list[object]]:
    found = (
        cases.filter(closed_at=None)
        .values("officer")
        .annotate(open=Count("pk"), overdue=Count("pk", filter=Q(due__lt=today)))
    )
    names = {p.pk: p.name for p in Person.objects.filter(pk__in=[r["officer"] for r in found])}
    return [
        [names.get(row["officer"]) or t("office.queue.nobody"), row["open"], row["overdue"]]
        for row in found
    ]
