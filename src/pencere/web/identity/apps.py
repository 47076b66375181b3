"""The app `identity`."""

from django.apps import AppConfig


class IdentityConfig(AppConfig):
    """Its label is short: tables are named `identity_...`."""

    name = "pencere.web.identity"
    label = "identity"
