"""The app `portal`."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Its label is short: tables are named `portal_...`."""

    name = "pencere.web.portal"
    label = "portal"
