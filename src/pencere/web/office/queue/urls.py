"""Addresses of the queue."""

from django.urls import path

from pencere.web.office.queue import views

urlpatterns = [path("", views.show, name="queue")]
