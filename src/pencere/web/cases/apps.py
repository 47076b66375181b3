"""The app `cases`."""

from django.apps import AppConfig


class CasesConfig(AppConfig):
    """Applications and cases."""

    name = "pencere.web.cases"
    label = "cases"
