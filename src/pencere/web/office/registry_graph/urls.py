"""Addresses of the graph in the office."""

from django.urls import path

from pencere.web.office.registry_graph.views import uses

urlpatterns = [
    path("registry/graph/", uses, name="office_registry_graph"),
    path("registry/graph/bodies/<slug:body>/", uses, name="office_registry_graph_body"),
    path(
        "registry/graph/systems/<slug:body>/<slug:code>/",
        uses,
        name="office_registry_graph_system",
    ),
]
