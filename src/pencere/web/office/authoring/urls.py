"""Addresses of the authors."""

from django.urls import path

from pencere.web.office.authoring import versions, views

urlpatterns = [
    path("services/", views.show, name="authoring"),
    path("services/moves/<uuid:move_id>/", versions.move, name="authoring_move"),
    path("services/moves/<uuid:move_id>/approve/", versions.approve, name="authoring_approve"),
    path("services/moves/<uuid:move_id>/drop/", versions.drop, name="authoring_drop"),
    path("services/<slug:service>/", versions.show, name="authoring_versions"),
    path(
        "services/<slug:service>/<int:older>/<int:newer>/",
        versions.changes,
        name="authoring_changes",
    ),
]
