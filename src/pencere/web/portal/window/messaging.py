"""Messages with the body that handles an application, in the window."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from pencere.web.cases.interfaces.messages import Side, talk
from pencere.web.portal.window.own import case_for
from pencere.web.rules import party, rule, visit_of


@rule(party)
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest, number: str) -> HttpResponse:
    """Show the messages of one's own case and write one."""
    person = visit_of(request).person
    case = case_for(request, number)
    side = Side(
        person=person,
        is_body=False,
        may_write=True,
        back=reverse("case", args=[number]),
        here=reverse("case_messages", args=[number]),
    )
    return talk(request, case, side)
