"""Places that receive people and calendars of times: `appointments.yaml` of a country.

docs/specs/appointments.md. Opening hours are of the country's clock; holidays are the country's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from pencere.countries import Country
from pencere.kernel.errors import Misconfigured, Missing
from pencere.kernel.text import Text
from pencere.rules.yamlfile import load_yaml
from pencere.services import schemas
from pencere.services.reading import Node

FILE = "appointments.yaml"
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Span = tuple[time, time]


@dataclass(frozen=True, slots=True)
class Place:
    """Where people are received; `hours` by day of the week, Monday first."""

    id: str
    body: str
    names: Text
    address: Text
    hours: tuple[tuple[Span, ...], ...]
    closed: frozenset[date]
    provisional: bool


@dataclass(frozen=True, slots=True)
class Calendar:
    """Times of one kind, at places of one body."""

    id: str
    body: str
    names: Text
    places: tuple[str, ...]
    length: timedelta
    capacity: int
    days_ahead: int
    change_until: timedelta
    provisional: bool


@dataclass(frozen=True)
class Appointments:
    """All places and calendars of a country by id."""

    places: Mapping[str, Place]
    calendars: Mapping[str, Calendar]

    @staticmethod
    def of(country: Country) -> "Appointments":
        """Read the country's file; a country may have none.

        Raises:
            Misconfigured: the file is wrong.
        """
        return _load(country.folder / FILE, frozenset(country.bodies))

    def calendar(self, calendar_id: str) -> Calendar:
        """Return a calendar, or raise Missing("calendar.unknown")."""
        found = self.calendars.get(calendar_id)
        if found is None:
            raise Missing("calendar.unknown", calendar=calendar_id[:64])
        return found


@lru_cache(maxsize=8)
def _load(file: Path, bodies: frozenset[str]) -> Appointments:
    if not file.is_file():
        return Appointments(MappingProxyType({}), MappingProxyType({}))
    content = schemas.check(load_yaml(file), "appointments", file)
    root = Node(content, file, "")
    places = {key: _place(key, node, bodies) for key, node in root.named("places")}
    calendars = {key: _calendar(key, node, places) for key, node in root.named("calendars")}
    return Appointments(MappingProxyType(places), MappingProxyType(calendars))


def _place(key: str, node: Node, bodies: frozenset[str]) -> Place:
    body = node.text("body")
    if body not in bodies:
        raise node.wrong("body", example=min(bodies))
    hours = node.node("hours")
    return Place(
        id=key,
        body=body,
        names=node.words("names"),
        address=node.words("address"),
        hours=tuple(_spans(hours, day) if hours.has(day) else () for day in WEEK),
        closed=frozenset(_day(node, said) for said in node.texts("closed")),
        provisional=node.flag("provisional"),
    )


def _spans(hours: Node, day: str) -> tuple[Span, ...]:
    found = []
    last = time.min
    for said in hours.texts(day):
        opens, closes = (time.fromisoformat(part) for part in said.split("-"))
        if not last <= opens < closes:
            raise hours.wrong(day, example=["09:00-13:00", "14:00-18:00"])
        found.append((opens, closes))
        last = closes
    return tuple(found)


def _day(node: Node, said: str) -> date:
    try:
        return date.fromisoformat(said)
    except ValueError as error:
        raise node.wrong("closed", example=["2026-12-07"]) from error


def _calendar(key: str, node: Node, places: Mapping[str, Place]) -> Calendar:
    named = node.texts("places")
    unknown = [one for one in named if one not in places]
    bodies = {places[one].body for one in named if one in places}
    if unknown or len(bodies) != 1:
        raise _wrong_places(node, unknown, places)
    return Calendar(
        id=key,
        body=bodies.pop(),
        names=node.words("names"),
        places=named,
        length=timedelta(minutes=node.integer("minutes")),
        capacity=node.integer("capacity"),
        days_ahead=node.integer("days_ahead"),
        change_until=timedelta(hours=node.integer("change_until_hours")),
        provisional=node.flag("provisional"),
    )


def _wrong_places(node: Node, unknown: list[str], places: Mapping[str, Place]) -> Misconfigured:
    known = [min(places)] if unknown else "places of one body"
    return node.wrong("places", example=known)
