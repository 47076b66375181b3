"""Addresses of the auditor."""

from django.urls import path

from pencere.web.office.audit import suppressions, views

urlpatterns = [
    path("audit/", views.show, name="audit"),
    path("audit/suppressions/", suppressions.show, name="audit_suppressions"),
]
