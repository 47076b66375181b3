"""The invented people: always the same, never two with one number, families that fit."""

from collections import Counter, defaultdict
from datetime import date

import pytest

from pencere.countries import Country
from pencere.countries.az.demo.papers import Entry, years_later
from pencere.countries.az.demo.population import population
from pencere.registers.document import validate
from pencere.registers.keys import key_values
from pencere.registers.lint import load_registers

ON = date(2026, 11, 22)


@pytest.fixture(scope="module")
def country() -> Country:
    return Country.load("az")


@pytest.fixture(scope="module")
def entries(country: Country) -> list[Entry]:
    return list(population(country, 2000, "1", ON))


def test_one_seed_makes_one_population(country: Country, entries: list[Entry]) -> None:
    assert list(population(country, 2000, "1", ON)) == entries
    assert list(population(country, 2000, "2", ON)) != entries
    assert Counter(code for code, _, _ in entries)["population/person"] == 2000


def test_every_record_fits_its_register_and_no_unique_value_comes_twice(
    country: Country, entries: list[Entry]
) -> None:
    definitions = load_registers(country)
    seen: Counter[tuple[str, int, str]] = Counter()
    for number, (code, valid_from, given) in enumerate(entries):
        definition = definitions[code]
        data = given
        if definition.numbering and definition.numbering.field not in given:
            data = {**given, definition.numbering.field: definition.numbering.number(number)}
        validate(definition, data)
        assert valid_from <= ON
        unique = {
            key.number for key in definition.keys.values() if key.kind in {"unique", "forever"}
        }
        seen.update(
            (code, key, value)
            for key, value in key_values(definition, data).items()
            if key in unique
        )

    assert [twice for twice, count in seen.items() if count > 1] == []


def test_families_fit_together(entries: list[Entry]) -> None:
    people = {data["fin"]: data for code, _, data in entries if code == "population/person"}
    kinds: dict[str, int] = defaultdict(int)
    for data in people.values():
        born = date.fromisoformat(str(data["born"]))
        for name in ("mother", "father"):
            parent = people.get(data.get(name))
            if parent is None:
                continue
            kinds[name] += 1
            age = born.year - date.fromisoformat(str(parent["born"])).year
            assert 16 <= age <= 70, data
            if name == "father":
                assert str(data["patronymic"]).split()[0] == parent["given"]
        spouse = people.get(data.get("spouse"))
        if spouse is not None:
            kinds["spouse"] += 1
            assert spouse["spouse"] == data["fin"]
            assert spouse["sex"] != data["sex"]

    assert all(kinds[name] > 300 for name in ("mother", "father", "spouse")), kinds


def test_nobody_drives_before_eighteen(entries: list[Entry]) -> None:
    born = {
        data["fin"]: date.fromisoformat(str(data["born"]))
        for code, _, data in entries
        if code == "population/person"
    }
    for code, _, data in entries:
        if code == "dyp/driving-licence":
            issued = date.fromisoformat(str(data["issued"]))
            assert years_later(born[data["fin"]], 18) <= issued


def test_fewer_people_than_the_ready_ones_are_the_ready_ones(country: Country) -> None:
    few = [
        data["fin"]
        for code, _, data in population(country, 1, "1", ON)
        if code == "population/person"
    ]

    assert few == [person.fin for person in country.demo_persons]
