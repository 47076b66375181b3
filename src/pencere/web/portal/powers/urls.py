"""Addresses of powers."""

from django.urls import path

from pencere.web.portal.powers import views

urlpatterns = [
    path("window/powers/", views.listed, name="powers"),
    path("window/powers/act/", views.act, name="powers_act"),
    path("window/powers/stop/", views.stop, name="acting_stop"),
    path("window/powers/end/", views.end, name="powers_end"),
]
