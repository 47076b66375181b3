"""Cases that wait: for anybody of the body, for this officer, in the whole unit, or decided."""

from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from pencere.kernel.clock import local_date
from pencere.web.cases.domain import definitions, reading
from pencere.web.cases.domain.transitions import clock_of
from pencere.web.cases.models import Case
from pencere.web.office.number import as_number
from pencere.web.office.terms import TermLeft, state_name, term_left
from pencere.web.office.who import (
    accountant,
    auditor,
    author,
    decides_at,
    desk_bodies,
    keeper,
    office_holder,
    registrar_of_systems,
    works_on_cases,
)
from pencere.web.people.domain.visit import Visit
from pencere.web.rules import Verdict, rule, visit_of
from pencere.web.texts import current_language, t

PAGE = 25
PAGE_MINE = 100  # as many as one batch decides
TABS = ("waiting", "mine", "team", "closed")


@dataclass(frozen=True, slots=True)
class Line:
    """One case of the list. `href` is empty for the officer's own application.

    `mark` is what a batch names it by, empty where it cannot be decided with others.
    """

    number: str
    href: str
    service: str
    state: str
    term: TermLeft
    officer: str
    mark: str = ""


@rule(office_holder)
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show one list of the queue; who has no cases goes to their own page."""
    visit = visit_of(request)
    if not works_on_cases(visit):
        return HttpResponseRedirect(reverse(_first_page(request)))
    number = as_number(request.GET.get("number"))
    if number:
        return _found(request, visit, number)
    tab = request.GET.get("show", "mine")
    if tab not in TABS:
        tab = "mine"
    counts = _counts(visit)
    if "show" not in request.GET and not counts["mine"]:
        tab = "waiting"
    page = Paginator(_list(visit, tab), PAGE_MINE if tab == "mine" else PAGE).get_page(
        request.GET.get("page")
    )
    return _page(request, visit, page, tab=tab, counts=counts)


def _first_page(request: HttpRequest) -> str:
    """Return the page of who has no cases: auditor, accountant, author, register, editor."""
    for judged, page in (
        (auditor, "audit"), (accountant, "money"), (author, "authoring_drafts"),
        (keeper, "records"),
    ):  # fmt: skip
        if judged.judge(request) is Verdict.OPEN:
            return page
    return "register" if registrar_of_systems.judge(request) is Verdict.OPEN else "authoring"


def _found(request: HttpRequest, visit: Visit, number: str) -> HttpResponse:
    """Go to the only case of this number, or a part of it; several are listed."""
    ours = _cases(visit).filter(number__contains=number).order_by("-submitted_at")
    page = Paginator(ours, PAGE).get_page(request.GET.get("page"))
    if page.paginator.count == 1 and page.object_list[0].person_id != visit.person.pk:
        only = page.object_list[0].number
        return HttpResponseRedirect(reverse("office_case", args=[only]))
    return _page(request, visit, page, tab="", counts=_counts(visit), number=number)


def _page(  # noqa: PLR0913, a page is all of these
    request: HttpRequest,
    visit: Visit,
    page: Page[Case],
    *,
    tab: str,
    counts: dict[str, int],
    number: str = "",
) -> HttpResponse:
    today = local_date(settings.CLOCK.now())
    lines = [_line(case, visit, today) for case in page]
    return render(
        request,
        "office/queue/pages/queue.jinja",
        {
            "tab": tab,
            "number": number,
            "tabs": [
                {
                    "label": t(f"office.queue.{name}"),
                    "href": f"{reverse('queue')}?show={name}",
                    "is_here": name == tab,
                    "count": counts.get(name),
                }
                for name in TABS
            ],
            "may_take": counts["waiting"] > 0
            and any(decides_at(visit, body) for body in desk_bodies(visit)),
            "lines": lines,
            "may_mark": sum(1 for line in lines if line.mark) > 1,
            "page": page.number,
            "pages": page.paginator.num_pages,
        },
    )


def _cases(visit: Visit) -> QuerySet[Case]:
    return Case.objects.filter(body__in=desk_bodies(visit)).select_related("officer")


def _list(visit: Visit, tab: str) -> QuerySet[Case]:
    ours = _cases(visit)
    match tab:
        case "waiting":
            mine = {"person": visit.person}
            return reading.queue_of(bodies=desk_bodies(visit)).filter(officer=None).exclude(**mine)
        case "mine":
            mine_open = ours.filter(officer=visit.person, closed_at=None)
            return mine_open.order_by("due", "submitted_at")
        case "team":
            return ours.filter(closed_at=None).order_by("due", "submitted_at")
        case _:
            return ours.exclude(closed_at=None).order_by("-closed_at")


def _counts(visit: Visit) -> dict[str, int]:
    """Count the lists of open cases with one query."""
    is_free = Q(officer=None) & ~Q(queue="") & ~Q(person=visit.person)
    return (
        _cases(visit)
        .filter(closed_at=None)
        .aggregate(
            waiting=Count("pk", filter=is_free),
            mine=Count("pk", filter=Q(officer=visit.person)),
            team=Count("pk"),
        )
    )


def _line(case: Case, visit: Visit, today: date) -> Line:
    definition = definitions.pinned(case)
    is_own = case.is_of(visit.person.pk)
    return Line(
        number=case.number,
        href="" if is_own else reverse("office_case", args=[case.number]),
        service=definition.names.in_language(current_language()),
        state=t("office.queue.own") if is_own else state_name(definition, case.state),
        term=term_left(clock_of(case), definition, on=today),
        officer=case.officer.name if case.officer is not None else "",
        mark=f"{case.number}~{case.version}" if _is_mine(case, visit) else "",
    )


def _is_mine(case: Case, visit: Visit) -> bool:
    return case.officer_id == visit.person.pk and case.closed_at is None
