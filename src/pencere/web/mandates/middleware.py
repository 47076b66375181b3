"""Finds for whom the person of a request acts: `request.visit.acting`."""

from collections.abc import Callable
from dataclasses import replace

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from pencere.web.mandates import acting
from pencere.web.people.domain.visit import Visit

Answer = Callable[[HttpRequest], HttpResponse]


class ActingFor:
    """Nothing is asked for who acts for themselves; one query of our own table for who does not."""

    def __init__(self, get_response: Answer) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        visit = getattr(request, "visit", None)
        if isinstance(visit, Visit) and acting.REMEMBERED in visit.remembered:
            found = acting.of_session(visit, at=settings.CLOCK.now())
            request.visit = replace(visit, acting=found)  # type: ignore[attr-defined]
        return self._get_response(request)
