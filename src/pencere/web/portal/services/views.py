"""All services by letter or by body, and the page of one service."""

from itertools import groupby

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.services.catalogue import Entry
from pencere.web.catalogue.domain.services import catalogue, in_alphabet, letter, place
from pencere.web.country import country
from pencere.web.middleware.page_cache import page_cache
from pencere.web.portal.services.service_page import page_of
from pencere.web.rules import public, rule
from pencere.web.texts import current_language

CACHED_S = 600


@rule(public)
@require_safe
@page_cache(CACHED_S)
def services(request: HttpRequest) -> HttpResponse:
    """List every service, by letter (`?by=body`: by the body that answers for it)."""
    language = current_language()
    by_body = request.GET.get("by") == "body"
    groups = _by_body(language) if by_body else _by_letter(language)
    page = {"groups": groups, "by_body": by_body, "number": len(catalogue().all)}
    return render(request, "portal/services/services.jinja", page)


def _by_letter(language: str) -> list[tuple[str, list[Entry]]]:
    entries = in_alphabet(catalogue().all, language)
    grouped = groupby(
        entries, key=lambda entry: letter(entry.names.in_language(language), language)
    )
    return [(head, list(found)) for head, found in grouped]


def _by_body(language: str) -> list[tuple[str, list[Entry]]]:
    found: dict[str, list[Entry]] = {}
    for entry in in_alphabet(catalogue().all, language):
        name = country().body(entry.authority).names.in_language(language)
        found.setdefault(name, []).append(entry)
    return sorted(found.items(), key=lambda group: place(group[0], language))


@rule(public)
@require_safe
@page_cache(CACHED_S)
def service(request: HttpRequest, service_id: str) -> HttpResponse:
    """Show one service: who, what is needed, what it costs, how long it takes, on what basis."""
    page = page_of(
        catalogue().get(service_id),
        current_language(),
        at=settings.CLOCK.now(),
        visit=getattr(request, "visit", None),
    )
    return render(request, "portal/services/service.jinja", {"page": page})
