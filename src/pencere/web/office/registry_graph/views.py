"""The graph as the portal has it, with the counts that the law may hide from the public."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.web.portal.registry.uses import graph_facts
from pencere.web.rules import officer, rule


@rule(officer())
@require_safe
def uses(request: HttpRequest, body: str = "", code: str = "") -> HttpResponse:
    """Show the graph of the state, a body, a system."""
    facts = graph_facts(request, body, code, shows_hidden=True)
    return render(request, "office/registry_graph/graph.jinja", facts)
