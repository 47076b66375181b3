"""The app `classifiers`."""

from django.apps import AppConfig


class ClassifiersConfig(AppConfig):
    """Its label is short: tables are named `classifiers_...`."""

    name = "pencere.web.classifiers"
    label = "classifiers"
