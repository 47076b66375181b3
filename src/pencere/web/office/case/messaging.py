"""Messages with the applicant, at the desk."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from pencere.kernel.errors import Refused
from pencere.web.cases.domain import acting
from pencere.web.cases.interfaces.messages import Side, talk
from pencere.web.office.who import case_for, caseworker, decides_at
from pencere.web.rules import rule, visit_of


@rule(caseworker)
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest, number: str) -> HttpResponse:
    """Show the messages to the body the case is with; who decides there may write."""
    visit = visit_of(request)
    case = case_for(visit, number)
    acting.officer_of(visit, case)
    may_write = decides_at(visit, case.body)
    if request.method == "POST" and not may_write:
        raise Refused("case.other-body")
    side = Side(
        person=visit.person,
        is_body=True,
        may_write=may_write,
        back=reverse("office_case", args=[number]),
        here=reverse("office_messages", args=[number]),
    )
    return talk(request, case, side)
