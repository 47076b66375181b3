"""Address of the first page."""

from django.urls import path

from pencere.web.portal.start.views import start

urlpatterns = [path("", start, name="start")]
