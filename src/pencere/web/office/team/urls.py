"""Addresses of the team's figures."""

from django.urls import path

from pencere.web.office.team import views

urlpatterns = [path("team/", views.show, name="office_statistics")]
