"""The app as Django sees it."""

from django.apps import AppConfig


class OfficeConfig(AppConfig):
    """View app without models."""

    name = "pencere.web.office"
    label = "office"
