"""Addresses of one's own certificates."""

from django.urls import path

from pencere.web.portal.certificates import views

urlpatterns = [
    path("window/certificates/", views.listed, name="certificates"),
    path("window/certificates/end/", views.end, name="certificates_end"),
    path("window/certificates/watch/", views.watch, name="certificates_watch"),
]
