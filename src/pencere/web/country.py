"""The country this installation serves, read once a process."""

from functools import cache

from django.conf import settings

from pencere.countries.country import Country


@cache
def country() -> Country:
    """Return bodies, acts, purposes, calendar and regions."""
    return Country.load(settings.COUNTRY)
