"""Addresses of consents."""

from django.urls import path

from pencere.web.portal.consents import views

urlpatterns = [
    path("window/consents/", views.listed, name="consents"),
    path("window/consents/<slug:agreement>/", views.one, name="consent"),
    path("window/consents/<slug:agreement>/withdraw/", views.withdraw, name="consent_withdraw"),
]
