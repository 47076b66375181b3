"""Addresses of the register."""

from django.urls import path

from pencere.web.portal.registry import codelists, search, systems, uses

urlpatterns = [
    path("registry/", search.registry, name="registry"),
    path("registry/systems/<slug:body>/<slug:code>/", systems.system, name="registry_system"),
    path(
        "registry/systems/<slug:body>/<slug:code>/versions/<int:number>/",
        systems.system_version,
        name="registry_system_version",
    ),
    path("registry/agreements/<str:key>/", systems.agreement, name="registry_agreement"),
    path("registry/bodies/<slug:key>/", systems.body, name="registry_body"),
    path("registry/concepts/", systems.concepts, name="registry_concepts"),
    path("registry/concepts/<slug:key>/", systems.concept, name="registry_concept"),
    path("registry/graph/", uses.uses, name="registry_graph"),
    path("registry/graph/bodies/<slug:body>/", uses.uses, name="registry_graph_body"),
    path(
        "registry/graph/systems/<slug:body>/<slug:code>/",
        uses.uses,
        name="registry_graph_system",
    ),
    path("registry/figures/", uses.figures, name="registry_figures"),
    path("registry/codelists/", codelists.code_lists, name="registry_code_lists"),
    path("registry/codelists/<slug:key>/", codelists.code_list, name="registry_code_list"),
    path(
        "registry/codelists/<slug:key>/versions/<int:number>/",
        codelists.code_list_version,
        name="registry_code_list_version",
    ),
    path("registry/data/", search.data, name="registry_data"),
]
