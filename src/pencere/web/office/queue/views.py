"""Cases that wait: for anybody of the body, for this officer, in the whole unit, or decided."""

from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from pencere.kernel.clock import local_date
from pencere.web.cases.domain import definitions, reading
from pencere.web.cases.domain.transitions import clock_of
from pencere.web.cases.models import Case
from pencere.web.office.terms import TermLeft, term_left
from pencere.web.office.who import auditor, office_holder, works_on_cases
from pencere.web.people.domain.visit import Visit
from pencere.web.rules import Verdict, rule, visit_of
from pencere.web.texts import current_language, t

PAGE = 25
TABS = ("waiting", "mine", "team", "closed")


@dataclass(frozen=True, slots=True)
class Line:
    """One case of the list."""

    number: str
    href: str
    service: str
    state: str
    term: TermLeft
    officer: str


@rule(office_holder)
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show one list of the queue; who has no cases goes to their own page."""
    visit = visit_of(request)
    if not works_on_cases(visit):
        may_audit = auditor.judge(request) is Verdict.OPEN
        return HttpResponseRedirect(reverse("audit" if may_audit else "authoring"))
    tab = request.GET.get("show", "waiting")
    if tab not in TABS:
        tab = "waiting"
    lists = _lists(visit)
    page = Paginator(lists[tab], PAGE).get_page(request.GET.get("page"))
    today = local_date(settings.CLOCK.now())
    return render(
        request,
        "office/queue/pages/queue.jinja",
        {
            "tab": tab,
            "tabs": [
                {
                    "label": t(f"office.queue.{name}"),
                    "href": f"{reverse('queue')}?show={name}",
                    "is_here": name == tab,
                    "count": lists[name].count() if name != "closed" else None,
                }
                for name in TABS
            ],
            "lines": [_line(case, today) for case in page],
            "page": page.number,
            "pages": page.paginator.num_pages,
        },
    )


def _lists(visit: Visit) -> dict[str, QuerySet[Case]]:
    waiting = reading.queue_of(bodies=visit.bodies)
    ours = Case.objects.filter(body__in=visit.bodies).select_related("officer")
    return {
        "waiting": waiting.filter(officer=None),
        "mine": ours.filter(officer=visit.person, closed_at=None).order_by("due", "submitted_at"),
        "team": ours.filter(closed_at=None).order_by("due", "submitted_at"),
        "closed": ours.exclude(closed_at=None).order_by("-closed_at"),
    }


def _line(case: Case, today: date) -> Line:
    definition = definitions.pinned(case)
    language = current_language()
    return Line(
        number=case.number,
        href=reverse("office_case", args=[case.number]),
        service=definition.names.in_language(language),
        state=definition.states[case.state].name.in_language(language),
        term=term_left(clock_of(case), on=today),
        officer=case.officer.name if case.officer is not None else "",
    )
