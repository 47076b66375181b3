"""Who may act for whom, as registers say it."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from pencere.kernel.errors import Conflict, Missing, Unavailable
from pencere.services.catalogue import Catalogue
from pencere.web.country import country
from pencere.web.exchange import Record
from pencere.web.mandates import powers
from pencere.web.people.models import Person

TODAY = date(2026, 11, 20)


def held(person: Person, registers: Any, on: date = TODAY) -> list[tuple[str, str]]:
    found = powers.powers_of(person, gateway=registers, on=on)
    return [(power.kind.id, power.principal.name) for power in found]


def born(registers: Any, day: str) -> None:
    records = registers.records["population/person"]
    records[1] = replace(records[1], data={**records[1].data, "born": day})


def test_a_person_holds_what_the_registers_say(
    leyla: Person, orxan: Person, registers: Any
) -> None:
    assert held(leyla, registers) == [
        ("parent", "Nigar Məmmədova"), ("attorney", "Aydan Quliyeva"),
    ]  # fmt: skip
    assert held(orxan, registers) == [("head", "Göygöl Daşıma MMC")]
    # Each question was an access of who asked, about themselves.
    assert {(purpose.person, purpose.user, purpose.code) for _, purpose in registers.asked} == {
        ("4LEYL82", "4LEYL82", "act-for-another"), ("5RXAN31", "5RXAN31", "act-for-another"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("day", "on", "holds"),
    [
        ("2008-11-21", date(2026, 11, 20), True),
        ("2008-11-20", date(2026, 11, 20), False),
        ("2008-11-19", date(2026, 11, 20), False),
        # Born on 29 February: the full years are lived on 1 March.
        ("2008-02-29", date(2026, 2, 28), True),
        ("2008-02-29", date(2026, 3, 1), False),
    ],
)
def test_a_parent_acts_until_the_day_before_full_age(
    leyla: Person, registers: Any, day: str, on: date, holds: bool
) -> None:
    born(registers, day)

    assert (("parent", "Nigar Məmmədova") in held(leyla, registers, on)) is holds


def test_a_record_that_is_annulled_or_of_who_died_gives_no_power(
    leyla: Person, registers: Any
) -> None:
    persons, mandates = registers.records["population/person"], registers.records["mandates/power"]
    persons[1] = replace(persons[1], data={**persons[1].data, "died": "2026-10-01"})
    mandates[0] = replace(mandates[0], state="annulled")

    assert held(leyla, registers) == []


@pytest.mark.parametrize(
    ("on", "holds"),
    [
        (date(2026, 10, 31), False), (date(2026, 11, 1), True),
        (date(2026, 12, 31), True), (date(2027, 1, 1), False),
    ],
)  # fmt: skip
def test_a_power_of_attorney_counts_on_its_days(
    leyla: Person, registers: Any, on: date, holds: bool
) -> None:
    assert (("attorney", "Aydan Quliyeva") in held(leyla, registers, on)) is holds


def test_nobody_holds_a_power_of_another(orxan: Person, leyla: Person, registers: Any) -> None:
    for kind, record in (("parent", "2"), ("attorney", "31"), ("parent", "21"), ("queen", "1")):
        with pytest.raises(Missing):
            powers.power_of(orxan, kind, record, gateway=registers, on=TODAY)


def test_both_sides_may_end_a_power_of_attorney_and_nobody_else(
    leyla: Person, orxan: Person, registers: Any
) -> None:
    with pytest.raises(Missing):
        powers.end(orxan, "attorney", "31", gateway=registers, on=TODAY)
    with pytest.raises(Missing):  # what the law gives is not given up here
        powers.end(leyla, "parent", "2", gateway=registers, on=TODAY)

    powers.end(leyla, "attorney", "31", gateway=registers, on=TODAY)

    assert ("attorney", "Aydan Quliyeva") not in held(leyla, registers)
    assert registers.records["mandates/power"][0].state == "annulled"
    with pytest.raises(Missing):
        powers.end(leyla, "attorney", "31", gateway=registers, on=TODAY)


def test_two_who_end_it_in_one_moment_end_it_once(
    leyla: Person, registers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = powers.powers_of(leyla, gateway=registers, on=TODAY)
    powers.end(leyla, "attorney", "31", gateway=registers, on=TODAY)
    monkeypatch.setattr(powers, "_asked", lambda *_args: seen)

    with pytest.raises(Conflict):
        powers.end(leyla, "attorney", "31", gateway=registers, on=TODAY)


@pytest.mark.parametrize(
    "data", [{}, {"born": "soon"}, {"fin": "?"}, {"family": None, "born": 7}], ids=str
)
def test_a_register_that_answers_in_another_form_is_as_if_silent(
    leyla: Person, registers: Any, data: dict[str, object]
) -> None:
    whole = registers.records["population/person"][1].data
    broken = {"mother": whole["mother"], **data} if not data else {**whole, **data}
    registers.records["population/person"][1] = Record("2", 1, "valid", "2017-02-20", broken)

    with pytest.raises(Unavailable):
        powers.powers_of(leyla, gateway=registers, on=TODAY)


def test_the_matters_of_a_power_are_the_events_of_the_catalogue() -> None:
    catalogue = Catalogue.load(country().folder)
    definition = catalogue.get("power-of-attorney").definition
    assert definition is not None
    question = definition.question("fields")
    assert question is not None

    asked = {one.value: one.label for one in question.choices}
    assert asked.keys() == {one.id for one in catalogue.life_events}
