"""Addresses of pages that only say something."""

from django.urls import path

from pencere.web.portal.static_pages.views import about, accessibility, help_page, personal_data

urlpatterns = [
    path("help/", help_page, name="help"),
    path("accessibility/", accessibility, name="accessibility"),
    path("personal-data/", personal_data, name="personal_data"),
    path("about/", about, name="about"),
]
