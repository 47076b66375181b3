"""Where one is signed in: the list of devices, and ending a visit on any of them."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from pencere.kernel.errors import Invalid
from pencere.web.people.domain import sessions
from pencere.web.rules import rule, signed_in, visit_of
from pencere.web.texts import t


@rule(signed_in)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Show the visits of this person that are in use."""
    visit = visit_of(request)
    running = sessions.running(visit.person, at=settings.CLOCK.now())
    page = {"sessions": running, "here": visit.session_id}
    return render(request, "identity/pages/devices.jinja", page)


@rule(signed_in)
@require_POST
def end(request: HttpRequest) -> HttpResponse:
    """End the visit named in the form (`session`), or all others (`others`)."""
    visit, now = visit_of(request), settings.CLOCK.now()
    if "others" in request.POST:
        sessions.end_others(visit, at=now)
    else:
        named = request.POST.get("session", "")
        if not (named.isascii() and named.isdigit() and len(named) <= 18):
            raise Invalid("session.unreadable")
        sessions.end(visit.person, int(named), at=now)
    messages.success(request, t("sign_in.ended"))
    return HttpResponseRedirect(reverse("devices"))
