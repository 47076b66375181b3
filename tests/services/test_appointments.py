"""Places and calendars of a country: what is wrong is named, what a state asks for exists."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pencere.countries import Country, az
from pencere.kernel.errors import Misconfigured
from pencere.services.appointments import Appointments
from pencere.services.catalogue import Catalogue
from pencere.services.lints import Surroundings, lint

SERVICE = "driving-licence-replace"


def country_with(folder: Path, old: str, new: str) -> Country:
    """A country with one thing changed in its appointments."""
    shutil.copytree(Path(az.__path__[0]), folder, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "appointments.yaml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    return Country.load_folder(folder)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"09:00-13:00"', '"9-13"', "places.baku-licences.hours.monday.0"),
        ('"09:00-13:00"', '"25:00-26:00"', "places.baku-licences.hours.monday.0"),
        ('"09:00-13:00"', '"13:00-09:00"', "places.baku-licences.hours.monday"),
        ('["09:00-13:00", "14:00-18:00"]', '["14:00-18:00", "09:00-13:00"]',
         "places.baku-licences.hours.monday"),
        ("body: dyp", "body: nobody", "places.baku-licences.body"),
        ("minutes: 20", "minutes: 0", "calendars.licence-office.minutes"),
        ("capacity: 2", "capacity: many", "calendars.licence-office.capacity"),
        ("places: [baku-licences,", "places: [moon,", "calendars.licence-office.places"),
        ("monday:", "munday:", "places.baku-licences.hours.munday"),
        ("closed: [2026-12-03]", "closed: [2026-13-03]", "places.ganja-licences.closed"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, key: str) -> None:
    country = country_with(tmp_path / "az", old, new)

    with pytest.raises(Misconfigured) as fault:
        Appointments.of(country)

    assert fault.value.facts["key"] == key


@pytest.mark.parametrize(
    ("state", "calendar", "message"),
    [
        ("visiting", "moon", "no such calendar"),
        ("granted", "licence-office", "nobody comes when the case is closed"),
        ("visiting", "licence-office", ""),
    ],
)
def test_a_state_asks_for_a_calendar_that_is_there(state: str, calendar: str, message: str) -> None:
    country = Country.load("az")
    definition = Catalogue.load(country.folder).definition(SERVICE)
    states = dict(definition.states)
    states[state] = replace(states[state], appointment=calendar)

    found = lint(replace(definition, states=states), Surroundings.of(country))

    assert [one.message for one in found] == ([message] if message else [])
