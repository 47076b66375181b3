"""Addresses of applications."""

from django.urls import path

from pencere.web.portal.applications import check, pay, question, rows, sign, start

urlpatterns = [
    path("apply/<slug:service>/", start.begin, name="application_begin"),
    path("applications/<uuid:draft_id>/", start.go_on, name="application"),
    path("applications/<uuid:draft_id>/leave/", start.leave, name="application_leave"),
    path(
        "applications/<uuid:draft_id>/question/<str:question_id>/",
        question.ask,
        name="application_question",
    ),
    path(
        "applications/<uuid:draft_id>/question/<str:question_id>/keep/",
        question.keep,
        name="application_keep",
    ),
    path(
        "applications/<uuid:draft_id>/question/<str:question_id>/row/<int:number>/",
        rows.row,
        name="application_row",
    ),
    path("applications/<uuid:draft_id>/reuse/", start.reuse, name="application_reuse"),
    path(
        "applications/<uuid:draft_id>/file/<uuid:attachment_id>/",
        question.file,
        name="application_file",
    ),
    path("applications/<uuid:draft_id>/check/", check.check, name="application_check"),
    path("applications/<uuid:draft_id>/pay/", pay.pay, name="application_pay"),
    path("applications/<uuid:draft_id>/pay/state/", pay.state, name="application_pay_state"),
    path("applications/<uuid:draft_id>/sign/", sign.sign, name="application_sign"),
    path("applications/<uuid:draft_id>/sign/wait/", sign.wait, name="application_sign_wait"),
    path("applications/<uuid:draft_id>/sign/state/", sign.state, name="application_sign_state"),
    path("applications/<uuid:draft_id>/sign/cancel/", sign.cancel, name="application_sign_cancel"),
]
