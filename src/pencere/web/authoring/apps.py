"""The app `authoring`."""

from django.apps import AppConfig


class AuthoringConfig(AppConfig):
    """Its label is short: tables are named `authoring_...`."""

    name = "pencere.web.authoring"
    label = "authoring"
