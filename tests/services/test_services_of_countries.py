"""Every executable service of every country passes its lints and its own cases."""

from pathlib import Path

import pytest

from pencere.countries import Country
from pencere.services.lints import Surroundings, lint
from pencere.services.trial import run_cases

ISLAND = Path(__file__).parent / "island"
COUNTRIES = [Country.load("az"), Country.load_folder(ISLAND)]
SERVICES = [
    (country, definition.service)
    for country in COUNTRIES
    for definition in Surroundings.of(country).catalogue.executable
]


@pytest.mark.parametrize(("country", "service"), SERVICES)
def test_nothing_is_wrong_with_the_definition(country: Country, service: str) -> None:
    around = Surroundings.of(country)

    findings = lint(around.catalogue.definition(service), around)

    assert findings == []


@pytest.mark.parametrize(("country", "service"), SERVICES)
def test_every_case_goes_as_the_law_says(country: Country, service: str) -> None:
    around = Surroundings.of(country)

    results = run_cases(around.catalogue.definition(service), around)

    assert [(r.name, r.problems) for r in results if not r.passed] == []
    assert len(results) >= 8


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_page_of_the_catalogue_names_what_exists(country: Country) -> None:
    around = Surroundings.of(country)

    unknown = [
        (entry.id, entry.authority)
        for entry in around.catalogue.all
        if entry.authority not in country.bodies
        or not {basis.act for basis in entry.basis} <= around.acts
    ]

    assert unknown == []


def test_a_case_that_expects_what_does_not_happen_fails_with_both_figures(
    island_folder: Path,
) -> None:
    cases = island_folder / "services" / "net-permit" / "cases.yaml"
    cases.write_text(cases.read_text("utf-8").replace('fee: "10.00"', 'fee: "9.99"'), "utf-8")
    around = Surroundings.of(Country.load_folder(island_folder))

    results = run_cases(around.catalogue.definition("net-permit"), around)

    assert [r.problems for r in results if not r.passed] == [("fee: '10.00', expected '9.99'",)]
