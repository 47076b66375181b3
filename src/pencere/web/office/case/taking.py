"""Taking a case from the queue, giving it back, handing it to a colleague."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from pencere.kernel.alphabet import sort_key
from pencere.kernel.errors import Conflict, Refused
from pencere.web.cases.domain import acting, reading
from pencere.web.cases.domain.desks import DECIDING
from pencere.web.cases.models import Case
from pencere.web.middleware.errors import fault_of
from pencere.web.office.who import (
    case_for,
    caseworker,
    decides_at,
    desk_bodies,
    heads,
)
from pencere.web.people.models.person import Person
from pencere.web.rules import rule, visit_of
from pencere.web.texts import current_language, t

# So many colleagues may be faster than this one before "the next case" gives up.
TRIES = 10


@rule(caseworker)
@require_POST
def take(request: HttpRequest, number: str) -> HttpResponse:
    """Take a case; of two officers at once one gets it, the other is told."""
    visit = visit_of(request)
    case = case_for(visit, number)
    if not acting.may_take(visit, case):
        raise Refused("case.other-body")
    try:
        acting.take(case=case, officer=visit.person, at=settings.CLOCK.now())
    except Conflict as refusal:
        messages.warning(request, fault_of(refusal).sentence(current_language()))
    return HttpResponseRedirect(reverse("office_case", args=[number]))


@rule(caseworker)
@require_POST
def take_next(request: HttpRequest) -> HttpResponse:
    """Take the most urgent case that nobody has; two officers at once get two cases."""
    visit = visit_of(request)
    bodies = frozenset(body for body in desk_bodies(visit) if decides_at(visit, body))
    waiting = reading.queue_of(bodies=bodies).filter(officer=None).exclude(person=visit.person)
    for case in waiting[:TRIES]:
        try:
            acting.take(case=case, officer=visit.person, at=settings.CLOCK.now())
        except Conflict:
            continue
        return HttpResponseRedirect(reverse("office_case", args=[case.number]))
    messages.info(request, t("office.queue.nothing_waits"))
    return HttpResponseRedirect(reverse("queue"))


@rule(caseworker)
@require_POST
def hand_over(request: HttpRequest, number: str) -> HttpResponse:
    """Give back one's own case, or, as the head of the unit, hand any case to a colleague."""
    visit = visit_of(request)
    case = case_for(visit, number)
    acting.officer_of(visit, case)
    is_head = case.body in heads(visit)
    if case.officer_id != visit.person.pk and not is_head:
        raise Refused("case.not-yours")
    chosen = request.POST.get("to", "")
    to = None
    if chosen:
        to = next((one for one in colleagues(case) if str(one.pk) == chosen), None)
        if to is None or not is_head:
            raise Refused("case.not-a-colleague")
    try:
        acting.hand_over(case=case, to=to, by=visit.person, at=settings.CLOCK.now())
    except Conflict as refusal:
        messages.warning(request, fault_of(refusal).sentence(current_language()))
    else:
        said = t("office.case.returned") if to is None else t("office.case.handed", name=to.name)
        messages.success(request, said)
    return HttpResponseRedirect(reverse("office_case", args=[number]))


def colleagues(case: Case) -> list[Person]:
    """Return who decides cases at the body the case is with, but for the applicant."""
    found = Person.objects.filter(
        is_active=True, offices__body=case.body, offices__role__in=DECIDING
    ).exclude(pk__in=case.parties)
    return sorted(found.distinct(), key=lambda person: sort_key(person.name))
