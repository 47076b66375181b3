"""Definitions of services, the law and the calendar, as this installation has them."""

from datetime import datetime
from functools import cache

from pencere.kernel.clock import local_date
from pencere.kernel.working_days import WorkingCalendar
from pencere.rules.law import Law
from pencere.services.catalogue import Catalogue
from pencere.services.model import Definition
from pencere.web.cases.models import Case
from pencere.web.country import country


def newest(service: str, *, at: datetime) -> Definition:
    """Return the version in force, which drafts follow; Missing when there is none."""
    return _catalogue().in_force(service, local_date(at))


def pinned(case: Case) -> Definition:
    """Return the version a case is pinned to."""
    return _catalogue().definition(case.service, case.definition_version)


def calendar() -> WorkingCalendar:
    """Return the days the state works."""
    return country().calendar.working


@cache
def law() -> Law:
    """Return the dated parameters and rules that fees are worked out by."""
    return Law.load(country().folder / "law", frozenset(country().acts))


def _catalogue() -> Catalogue:
    return Catalogue.load(country().folder)  # read once a process, by the engine
