"""What waits for this officer: acts to sign, applications that are open."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.web.certification.centre import centre
from pencere.web.certification.words import when, word
from pencere.web.office.registration.shown import act_line
from pencere.web.office.who import registrar
from pencere.web.rules import rule, visit_of

RECENT = 20


@rule(registrar)
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show the desk."""
    fin = visit_of(request).person.fin
    awaiting = [act_line(one) for one in centre().acts(awaiting=fin, state="open")]
    mine = {line.id for line in awaiting}
    recent = [act_line(one) for one in centre().acts(limit=RECENT)]
    applications = [
        {
            "id": one["id"],
            "number": one["number"],
            "name": f"{one['person']['given_name']} {one['person']['surname']}",
            "at": when(one["opened_at"]),
            "state": word("application", one["state"]),
        }
        for one in centre().applications(state="open")
    ]
    page = {
        "awaiting": awaiting,
        "recent": [line for line in recent if line.id not in mine],
        "applications": applications,
    }
    return render(request, "office/registration/pages/home.jinja", page)
