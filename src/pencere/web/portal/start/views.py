"""The first page: one search field, what happens in a life, and what waits for who is here."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.kernel.clock import local_date
from pencere.web.catalogue.domain import searches
from pencere.web.catalogue.domain.services import catalogue
from pencere.web.middleware.page_cache import page_cache
from pencere.web.portal.start.figures import figures_of_month
from pencere.web.portal.start.waiting import begun, waiting
from pencere.web.rules import public, rule

CACHED_S = 60
MOST_SEARCHED = 5


@rule(public)
@require_safe
@page_cache(CACHED_S)
def start(request: HttpRequest) -> HttpResponse:
    """Show the first page."""
    services = catalogue()
    now = settings.CLOCK.now()
    today = local_date(now)
    visit = getattr(request, "visit", None)
    popular = [
        services.entries[service]
        for service in searches.most_searched(MOST_SEARCHED, on=today)
        if service in services.entries
    ]
    page = {
        "events": services.life_events,
        "popular": popular,
        "executable": [entry for entry in services.all if entry.is_executable],
        "figures": figures_of_month(today),
        "begun": begun(visit, at=now) if visit else [],
        "waiting": waiting(visit) if visit else [],
    }
    return render(request, "portal/start/start.jinja", page)
