"""Search results, and suggestions while one types. The page is whole without a script."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from pencere.kernel.clock import local_date
from pencere.services.catalogue import Entry
from pencere.web.catalogue.domain import searches
from pencere.web.catalogue.domain.services import LONGEST_QUERY, catalogue, find
from pencere.web.rules import public, rule
from pencere.web.texts import current_language, t

RESULTS = 20
SUGGESTIONS = 6


@rule(public)
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Show what was found; what was not found is counted for the editors."""
    words = request.GET.get("q", "").strip()[:LONGEST_QUERY]
    language = current_language()
    found = _entries(words, RESULTS)
    if words and request.method == "GET":
        today = local_date(settings.CLOCK.now())
        if found:
            searches.note_found(found[0].id, on=today)
        else:
            searches.note_missed(words, language, on=today)
    page = {"words": words, "found": found, "events": catalogue().life_events}
    return render(request, "portal/search/search.jinja", page)


@rule(public)
@require_safe
def suggestions(request: HttpRequest) -> HttpResponse:
    """Give the first few as JSON: `{"hits": [{"name", "note", "address"}], "said"}`."""
    language = current_language()
    found = _entries(request.GET.get("q", ""), SUGGESTIONS)
    hits = [
        {
            "name": entry.names.in_language(language),
            "note": t("services.apply_here") if entry.is_executable else "",
            "address": reverse("service", args=[entry.id]),
        }
        for entry in found
    ]
    response = JsonResponse({"hits": hits, "said": t("search.said", n=len(hits))})
    response["Cache-Control"] = "public, max-age=300"
    return response


def _entries(words: str, limit: int) -> list[Entry]:
    hits = find(words, current_language(), limit)
    return [catalogue().entries[hit.id] for hit in hits]
