"""Definitions of services, as this installation has them."""

from functools import cache
from typing import TYPE_CHECKING

from pencere.services.model import Definition
from pencere.web.cases.models import Case
from pencere.web.country import country

if TYPE_CHECKING:
    from pencere.services.country import Country as Services


@cache
def services() -> "Services":
    """Return all definitions, law and calendar of the country."""
    from pencere.services.country import Country as Services  # noqa: PLC0415

    return Services.load(country().folder)


def newest(service: str) -> Definition:
    """Return the version new drafts follow, else raise Missing."""
    return services().definition(service)


def pinned(case: Case) -> Definition:
    """Return the version a case is pinned to."""
    return services().definition(case.service, case.definition_version)
