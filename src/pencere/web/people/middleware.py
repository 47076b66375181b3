"""Finds who is here: `request.visit`, and `request.user` for the OpenID provider."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from pencere.web.people.domain import sessions
from pencere.web.static_files import PREFIX

Answer = Callable[[HttpRequest], HttpResponse]

_NOBODY_NEEDED = (PREFIX, "/healthz", "/metrics")


class CurrentVisit:
    """One query for who brings a session cookie; none for who does not."""

    def __init__(self, get_response: Answer) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        token = request.COOKIES.get(settings.SESSION_COOKIE)
        request.visit = None  # type: ignore[attr-defined]
        request.ended_visit_of = None  # type: ignore[attr-defined]
        request.user = AnonymousUser()
        if request.path_info.startswith(_NOBODY_NEEDED):
            return self._get_response(request)
        if token:
            _welcome(request, token)
        response = self._get_response(request)
        patch_vary_headers(response, ["Cookie"])
        return response


def _welcome(request: HttpRequest, token: str) -> None:
    now = settings.CLOCK.now()
    found = sessions.find(token, at=now)
    if found is None:
        return
    if found.visit is None:
        request.ended_visit_of = found.person  # type: ignore[attr-defined]
        return
    if found.needs_seeing:
        sessions.see(found.visit, at=now)
    request.visit = found.visit  # type: ignore[attr-defined]
    request.user = found.person
