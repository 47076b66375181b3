"""The app of satisfaction."""

from django.apps import AppConfig


class SatisfactionConfig(AppConfig):
    """Satisfaction."""

    name = "pencere.web.satisfaction"
    label = "satisfaction"
