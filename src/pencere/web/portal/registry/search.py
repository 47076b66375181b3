"""Finding systems and services by words and facets; and the page of open data."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.web.middleware.page_cache import page_cache
from pencere.web.openregister.domain import bulk
from pencere.web.openregister.domain.finding import FACETS, Found, Question, find
from pencere.web.openregister.domain.snapshot import Snapshot, snapshot
from pencere.web.openregister.domain.words import LONGEST_QUERY
from pencere.web.openregister.exports.names import FORMATS
from pencere.web.rules import public, rule
from pencere.web.stateregister.domain.vocabulary import Concept, vocabulary
from pencere.web.texts import current_language, t

CACHED_S = 120
PER_PAGE = 20
MOST_SERVICES = 20
# A long facet shows its most frequent values; all others are found by words.
MOST_CHOICES = 60
HINTS = 8


@rule(public)
@require_safe
@page_cache(CACHED_S)
def registry(request: HttpRequest) -> HttpResponse:
    """Search and filter; without a question, every system by its name."""
    now, language = snapshot(), current_language()
    words = request.GET.get("q", "").strip()[:LONGEST_QUERY]
    chosen = {name: request.GET.get(name, "")[:100] for name in FACETS}
    found = find(Question(words=words, **chosen), now, language)
    pages = max(1, -(-len(found.systems) // PER_PAGE))
    page = min(_number(request.GET.get("page", "")), pages)
    begin = (page - 1) * PER_PAGE
    facts = {
        "words": words,
        "systems": found.systems[begin : begin + PER_PAGE],
        "number": len(found.systems),
        "services": [
            (one, now.systems[one.system]) for one in found.services[:MOST_SERVICES]
        ] if words else [],
        "services_number": len(found.services),
        "facets": _facets(found, chosen, language),
        "is_narrowed": any(chosen.values()),
        "page": page,
        "pages": pages,
        "stages": {name: t(f"registry.stage.{name.replace('-', '_')}")
                   for name in ("established", "in-use", "closed")},
        "hints": _hints(now, language) if not found.systems else [],
    }  # fmt: skip
    return render(request, "portal/registry/search.jinja", facts)


@rule(public)
@require_safe
@page_cache(CACHED_S)
def data(request: HttpRequest) -> HttpResponse:
    """Show how to take the open register away."""
    files = [(one, len(bytes(one.content)), bytes(one.sha256).hex()) for one in bulk.newest()]
    facts = {"files": files, "forms": list(FORMATS)}
    return render(request, "portal/registry/data.jinja", facts)


def _number(given: str) -> int:
    return max(1, int(given)) if given.isascii() and given.isdigit() and len(given) < 7 else 1


def _facets(found: Found, chosen: dict[str, str], language: str) -> list[dict[str, object]]:
    """Return each facet with its choices; the chosen one is there even when it leaves nothing."""
    facets: list[dict[str, object]] = []
    for name, choices in found.facets.items():
        kept = list(choices[:MOST_CHOICES])
        if chosen[name] and all(one.value != chosen[name] for one in kept):
            kept += [one for one in choices if one.value == chosen[name]]
        options = [
            {
                "value": one.value,
                "label": t(
                    "registry.choice", name=one.names.in_language(language), number=one.count
                ),
            }
            for one in kept
        ]
        label = t(f"registry.facet.{name}")
        facets.append({"name": name, "label": label, "options": options, "value": chosen[name]})
    return facets


def _hints(of: Snapshot, language: str) -> list[Concept]:
    """Return data that the register does hold, most held first: somewhere to go on from."""
    del language
    held = [one for one in vocabulary().concepts.values() if of.holders_of(one.id)]
    held.sort(key=lambda one: -len(of.holders_of(one.id)))
    return held[:HINTS]
