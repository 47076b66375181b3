"""The page of a life event: what one can do here first, then everything that belongs to it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.kernel.errors import Missing
from pencere.web.catalogue.domain.services import catalogue
from pencere.web.middleware.page_cache import page_cache
from pencere.web.rules import public, rule

CACHED_S = 600


@rule(public)
@require_safe
@page_cache(CACHED_S)
def life_event(request: HttpRequest, event_id: str) -> HttpResponse:
    """Show the services of a life event."""
    event = next((e for e in catalogue().life_events if e.id == event_id), None)
    if event is None:
        raise Missing("life_event.unknown")
    page = {
        "event": event,
        "entries": catalogue().of_life_event(event_id),
        "others": [e for e in catalogue().life_events if e.id != event_id],
    }
    return render(request, "portal/life_events/life_event.jinja", page)
