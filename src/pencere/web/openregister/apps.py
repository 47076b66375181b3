"""The app `openregister`."""

from django.apps import AppConfig


class OpenRegisterConfig(AppConfig):
    """Its label is short: tables are named `openregister_...`."""

    name = "pencere.web.openregister"
    label = "openregister"
