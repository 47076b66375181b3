"""Addresses of services."""

from django.urls import path

from pencere.web.portal.services.views import service, services

urlpatterns = [
    path("services/", services, name="services"),
    path("services/<slug:service_id>/", service, name="service"),
]
