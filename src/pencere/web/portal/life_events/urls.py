"""Addresses of life events."""

from django.urls import path

from pencere.web.portal.life_events.views import life_event

urlpatterns = [path("life/<slug:event_id>/", life_event, name="life_event")]
