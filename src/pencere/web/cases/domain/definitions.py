"""Definitions of services, the law and the calendar, as this installation has them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache

from pencere.kernel.clock import local_date
from pencere.kernel.working_days import WorkingCalendar
from pencere.rules.law import Law
from pencere.services.catalogue import Catalogue
from pencere.services.model.definition import Definition
from pencere.web import editions
from pencere.web.cases.models import Case, CaseEvent
from pencere.web.country import country


def newest(service: str, *, at: datetime) -> Definition:
    """Return the version in force, which drafts follow; Missing when there is none."""
    return _catalogue().in_force(service, local_date(at))


def pinned(case: Case) -> Definition:
    """Return the version a case is pinned to."""
    return _catalogue().definition(case.service, case.definition_version)


def under_which(case: Case, events: Sequence[CaseEvent]) -> list[Definition]:
    """Return the version that was in force for each of the events of a case, given in order."""
    moves = [event for event in events if event.kind == "migrated"]
    found, version = [], moves[0].facts["from"] if moves else case.definition_version
    for event in events:
        if event.kind == "migrated":
            version = event.facts["to"]
        found.append(version_of(case.service, version))
    return found


def versions_of(service: str) -> Mapping[int, Definition]:
    """Return every version of a service by number.

    Raises:
        Missing: `service.unknown`, `service.not_executable`.
    """
    _catalogue().definition(service)
    return _catalogue().versions[service]


def version_of(service: str, version: int) -> Definition:
    """Return a version of a service.

    Raises:
        Missing: `service.unknown`, `service.not_executable`, `service.version_unknown`.
    """
    return _catalogue().definition(service, version)


def calendar() -> WorkingCalendar:
    """Return the days the state works."""
    return country().calendar.working


@cache
def law() -> Law:
    """Return the dated parameters and rules that fees are worked out by."""
    return Law.load(country().folder / "law", frozenset(country().acts))


def _catalogue() -> Catalogue:
    return editions.over(Catalogue.load(country().folder))
