"""How the unit's work stands: open, overdue, decided in time; by officer for the head."""

from datetime import date, timedelta

from babel.numbers import format_decimal
from django.conf import settings
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.kernel.alphabet import sort_key
from pencere.kernel.clock import BAKU, local_date
from pencere.web.cases.models import Case
from pencere.web.catalogue.domain.services import catalogue
from pencere.web.office.who import caseworker, desk_bodies, heads
from pencere.web.people.models.person import Person
from pencere.web.rules import rule, visit_of
from pencere.web.satisfaction.domain.figures import FEWEST, comments_of, of_bodies
from pencere.web.texts import current_language, t

PERIOD = timedelta(days=30)

# A case the applicant withdrew or let lapse was closed, and nobody decided it.
DECIDED = ("granted", "refused")


@rule(caseworker)
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show the figures of the bodies the person works at, counted now."""
    now, visit = settings.CLOCK.now(), visit_of(request)
    today = local_date(now)
    ours = Case.objects.filter(body__in=desk_bodies(visit))
    opened = ours.filter(closed_at=None).aggregate(
        all=Count("pk"),
        overdue=Count("pk", filter=Q(due__lt=today)),
        nobody=Count("pk", filter=Q(officer=None) & ~Q(queue="")),
    )
    decided = (
        ours.filter(closed_at__gte=now - PERIOD, outcome__in=DECIDED)
        .annotate(decided_on=TruncDate("closed_at", tzinfo=BAKU))
        .aggregate(
            all=Count("pk"),
            timed=Count("pk", filter=Q(due__isnull=False)),
            in_time=Count("pk", filter=Q(decided_on__lte=F("due"))),
        )
    )
    headed = ours.filter(body__in=heads(visit))
    figures = [
        ("open", str(opened["all"])),
        ("nobody", str(opened["nobody"])),
        ("overdue", str(opened["overdue"])),
        ("decided", str(decided["all"])),
        ("in_time", _share(decided["in_time"], decided["timed"])),
    ]
    return render(
        request,
        "office/team/pages/team.jinja",
        {
            "figures": [{"label": t(f"office.team.{key}"), "value": said} for key, said in figures],
            "is_head": bool(heads(visit)),
            "rows": _by_officer(headed, today) if heads(visit) else [],
            "rated": _rated(desk_bodies(visit), today),
            "comments": comments_of(desk_bodies(visit), today=today),
            "fewest": FEWEST,
        },
    )


def _rated(bodies: frozenset[str], today: date) -> list[list[object]]:
    """Return services with how many rated them and how, where enough did."""
    known, language = catalogue().entries, current_language()
    return [
        [
            known[service].names.in_language(language) if service in known else service,
            found.answers,
            format_decimal(found.average, format="0.0", locale=language),
        ]
        for service, found in of_bodies(bodies, today=today).items()
    ]


def _share(part: int, whole: int) -> str:
    return f"{round(100 * part / whole)}%" if whole else t("office.team.none_yet")


def _by_officer(cases: QuerySet[Case], today: date) -> list[list[object]]:
    """Return open and overdue cases of each officer, with two queries whatever their number."""
    found = list(
        cases.filter(closed_at=None)
        .values("officer")
        .annotate(open=Count("pk"), overdue=Count("pk", filter=Q(due__lt=today)))
    )
    people = Person.objects.filter(pk__in=[row["officer"] for row in found if row["officer"]])
    names = {person.pk: person.name for person in people}
    rows = [
        (names.get(row["officer"]) or t("office.queue.nobody"), row["open"], row["overdue"])
        for row in found
    ]
    return [list(row) for row in sorted(rows, key=lambda row: sort_key(row[0]))]
