"""The app `issued`."""

from django.apps import AppConfig


class IssuedConfig(AppConfig):
    """Documents that were issued."""

    name = "pencere.web.issued"
    label = "issued"
