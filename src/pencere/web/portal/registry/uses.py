"""Who asks whom for what, of the state, a body, a system; and the figures."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Missing
from pencere.kernel.text import Text
from pencere.web.country import country
from pencere.web.middleware.page_cache import page_cache
from pencere.web.openregister.domain.drawing import draw
from pencere.web.openregister.domain.finding import FACETS
from pencere.web.openregister.domain.graph import VERDICTS, Edge, Graph, graph
from pencere.web.openregister.domain.records import body_names
from pencere.web.openregister.domain.snapshot import Snapshot, snapshot
from pencere.web.openregister.domain.statistics import statistics
from pencere.web.rules import public, rule
from pencere.web.texts import current_language, t

CACHED_S = 120
PER_PAGE = 50
KINDS = {"unagreed": "bad", "never": "warn", "quiet": "warn", "used": "good"}


@rule(public)
@require_safe
@page_cache(CACHED_S)
def uses(request: HttpRequest, body: str = "", code: str = "") -> HttpResponse:
    """Show the graph as a drawing and as a table."""
    facts = graph_facts(request, body, code, shows_hidden=False)
    return render(request, "portal/registry/graph.jinja", facts)


def graph_facts(
    request: HttpRequest, body: str, code: str, *, shows_hidden: bool
) -> dict[str, object]:
    """Return what the page of the graph says; the office shows the hidden counts too.

    Raises:
        Missing: no such body or system.
    """
    now = snapshot()
    whole = graph(now, on=local_date(settings.CLOCK.now()), shows_hidden=shows_hidden)
    part, title = _part(whole, now, body, code)
    pages = max(1, -(-len(part.edges) // PER_PAGE))
    given = request.GET.get("page", "")
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 7 else 1
    page = max(1, min(number, pages))
    totals = part.totals()
    return {
        "subject": title,
        "is_whole": not body,
        "body": body,
        "code": code,
        "rows": [_row(one, now) for one in part.edges[(page - 1) * PER_PAGE : page * PER_PAGE]],
        "totals": [(t(f"registry.graph.is.{one}"), totals[one], KINDS.get(one, ""))
                   for one in VERDICTS if totals[one]],
        "alarms": totals["unagreed"],
        "is_counted": whole.is_counted,
        "drawing": draw(part, now, current_language()),
        "page": page,
        "pages": pages,
        "bodies": sorted({one.owner for one in now.living}),
        "body_names": body_names,
    }  # fmt: skip


@rule(public)
@require_safe
@page_cache(CACHED_S)
def figures(request: HttpRequest) -> HttpResponse:
    """Show the figures of today."""
    on = local_date(settings.CLOCK.now())
    found = statistics(snapshot(), on=on)
    language = current_language()

    def named(facet: str, counts: dict[str, int]) -> list[list[object]]:
        names = FACETS[facet][1]
        return [[names(key).in_language(language), count] for key, count in counts.items()]

    facts = {
        "on": on,
        "figures": found,
        "stages": named("stage", dict(found.by_stage)),
        "bodies": named("body", dict(found.by_body)),
        "classes": named("personal", dict(found.by_class)),
        "agreements": [[t(f"registry.agreement.state.{key.replace('-', '_')}"), count]
                       for key, count in found.agreements.items()],
        "verdicts": [[t(f"registry.graph.is.{key}"), count] for key, count in found.graph.items()],
        "days": sorted(found.exchanges.items(), reverse=True),
    }  # fmt: skip
    return render(request, "portal/registry/figures.jinja", facts)


def _part(whole: Graph, now: Snapshot, body: str, code: str) -> tuple[Graph, Text | None]:
    if not body:
        return whole, None
    if not code:
        if body not in country().bodies:
            raise Missing("open_data.no_thing")
        return whole.of_body(body), body_names(body)
    key = f"{body}/{code}"
    if key not in now.systems:
        raise Missing("stateregister.no_system")
    return whole.of_system(key), now.systems[key].names


def _row(edge: Edge, now: Snapshot) -> dict[str, object]:
    counted = edge.counted
    last = None if counted is None else counted.last_answered
    return {
        "edge": edge,
        "consumer": _names(edge.consumer, now),
        "provider": _names(edge.provider, now),
        "service": now.service_names(edge.provider, edge.service),
        "is_known": edge.consumer in now.systems and edge.provider in now.systems,
        "verdict": t(f"registry.graph.is.{edge.verdict}"),
        "kind": KINDS.get(edge.verdict, ""),
        "lately": 0 if counted is None else counted.lately,
        "last": last,
    }


def _names(key: str, now: Snapshot) -> Text:
    found = now.systems.get(key)
    return Text(key, key, key) if found is None else found.names
