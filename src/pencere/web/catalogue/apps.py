"""The app `catalogue`."""

from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    """Its label is short: tables are named `catalogue_...`."""

    name = "pencere.web.catalogue"
    label = "catalogue"
