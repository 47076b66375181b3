"""Leaving."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from pencere.web.identity.cookies import forget_session
from pencere.web.people.domain import sessions
from pencere.web.rules import public, rule
from pencere.web.texts import current_language, t


@rule(public)
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End this session and go to the first page. Nobody to sign out is no error."""
    visit = getattr(request, "visit", None)
    if visit is not None:
        sessions.end(visit.person, visit.session_id, at=settings.CLOCK.now())
        if settings.ROLE == "portal":
            messages.info(request, t("sign_in.signed_out"))
    home = f"/{current_language()}/"
    response = HttpResponseRedirect(reverse("signed_out") if settings.ROLE == "office" else home)
    forget_session(response)
    return response
