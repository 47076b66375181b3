"""Addresses of the authors."""

from django.urls import path

from pencere.web.office.authoring import (
    drafts,
    preview,
    questions,
    versions,
    views,
    withdrawing,
)

urlpatterns = [
    path("services/", views.show, name="authoring"),
    path("services/drafts/", drafts.show, name="authoring_drafts"),
    path("services/drafts/<uuid:draft_id>/", drafts.draft, name="authoring_draft"),
    path("services/drafts/<uuid:draft_id>/preview/", preview.show, name="authoring_preview"),
    path("services/drafts/<uuid:draft_id>/question/", questions.add, name="authoring_question"),
    path("services/drafts/<uuid:draft_id>/drop/", drafts.drop, name="authoring_draft_drop"),
    path("services/drafts/<uuid:draft_id>/package/", drafts.package, name="authoring_package"),
    path("services/drafts/<uuid:draft_id>/files/<str:name>/", drafts.file, name="authoring_file"),
    path("services/proposals/<uuid:proposal_id>/", drafts.proposal, name="authoring_proposal"),
    path("services/moves/<uuid:move_id>/", versions.move, name="authoring_move"),
    path("services/moves/<uuid:move_id>/approve/", versions.approve, name="authoring_approve"),
    path("services/moves/<uuid:move_id>/drop/", versions.drop, name="authoring_drop"),
    path("services/<slug:service>/withdraw/", withdrawing.withdraw, name="authoring_withdraw"),
    path("services/<slug:service>/", versions.show, name="authoring_versions"),
    path(
        "services/<slug:service>/<int:older>/<int:newer>/",
        versions.changes,
        name="authoring_changes",
    ),
]
