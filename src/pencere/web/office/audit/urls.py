"""Addresses of the auditor."""

from django.urls import path

from pencere.web.office.audit import views

urlpatterns = [path("audit/", views.show, name="audit")]
