"""Taking a case from the queue, giving it back, handing it to a colleague."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from pencere.kernel.errors import Conflict, Refused
from pencere.web.cases.domain import acting, reading
from pencere.web.cases.models import Case
from pencere.web.office.who import WORKING, caseworker
from pencere.web.people.domain.visit import Visit
from pencere.web.people.models.person import Person
from pencere.web.rules import rule, visit_of
from pencere.web.texts import t


@rule(caseworker)
@require_POST
def take(request: HttpRequest, number: str) -> HttpResponse:
    """Take a case; of two officers at once one gets it, the other is told."""
    visit = visit_of(request)
    case = reading.case_of_body(bodies=visit.bodies, number=number)
    acting.officer_of(visit, case)
    try:
        acting.take(case=case, officer=visit.person, at=settings.CLOCK.now())
    except Conflict:
        messages.warning(request, t("office.case.taken_by_other"))
    return HttpResponseRedirect(reverse("office_case", args=[number]))


@rule(caseworker)
@require_POST
def hand_over(request: HttpRequest, number: str) -> HttpResponse:
    """Give back one's own case, or, as the head of the unit, hand any case to a colleague."""
    visit = visit_of(request)
    case = reading.case_of_body(bodies=visit.bodies, number=number)
    acting.officer_of(visit, case)
    is_head = visit.holds("unit-head", case.body)
    if case.officer_id != visit.person.pk and not is_head:
        raise Refused("case.not-yours")
    chosen = request.POST.get("to", "")
    to = None
    if chosen and is_head:
        to = next((one for one in colleagues(case) if str(one.pk) == chosen), None)
        if to is None:
            raise Refused("case.not-a-colleague")
    acting.hand_over(case=case, to=to, by=visit.person, at=settings.CLOCK.now())
    messages.success(request, t("office.case.handed" if to else "office.case.returned"))
    return HttpResponseRedirect(reverse("office_case", args=[number]))


def colleagues(case: Case) -> list[Person]:
    """Return who works on cases at the body the case is with."""
    found = Person.objects.filter(offices__body=case.body, offices__role__in=WORKING)
    return sorted(found.distinct(), key=lambda person: person.name)


def may_hand_over(visit: Visit, case: Case) -> bool:
    """Say whether this person may choose a colleague for the case."""
    return visit.holds("unit-head", case.body)
