"""Addresses of the authors."""

from django.urls import path

from pencere.web.office.authoring import views

urlpatterns = [path("services/", views.show, name="authoring")]
