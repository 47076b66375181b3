"""Base data of Azerbaijan: complete, consistent, and told apart from what is not verified."""

from datetime import date
from pathlib import Path

import pytest

from pencere.countries import Country
from pencere.countries.stream import Stream
from pencere.kernel.errors import Misconfigured, Missing
from pencere.kernel.identifiers import parse_fin, parse_phone, parse_plate, parse_postcode


@pytest.fixture(scope="module")
def country() -> Country:
    return Country.load("az")


def test_the_base_data_is_all_there(country: Country) -> None:
    counts = (len(country.bodies), len(country.regions), len(country.economic_regions))

    assert counts == (59, 78, 14)
    assert Country.load("az") is country
    assert country.body("dyp").names.en == "Main State Traffic Police Department (MIA)"
    assert country.purpose("replace-licence").basis == "yol-herekati-haqqinda"


def test_what_is_not_there_is_missing(country: Country) -> None:
    for wrong in (lambda: Country.load("zz"), lambda: Country.load("../az")):
        with pytest.raises(Missing) as refused:
            wrong()
        assert refused.value.code == "country.unknown"
    with pytest.raises(Missing) as body:
        country.body("navy")
    with pytest.raises(Missing) as purpose:
        country.purpose("spying")
    assert (body.value.code, purpose.value.code) == ("body.unknown", "purpose.unknown")


def test_regions_have_sound_codes(country: Country) -> None:
    for region in country.regions.values():
        assert region.parent is None or region.parent in country.regions
        assert region.postal_code is None or parse_postcode(region.postal_code)
        for code in region.plate_codes:
            assert parse_plate(f"{code}-AA-123")


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 3, 19), True),
        (date(2026, 3, 20), False),  # Novruz
        (date(2026, 3, 30), False),  # moved
        (date(2026, 3, 31), True),
        (date(2026, 11, 9), False),
        (date(2026, 11, 10), False),
        (date(2026, 11, 11), True),
        (date(2025, 6, 21), True),  # a Saturday worked
        (date(2026, 11, 22), False),  # a Sunday
    ],
)
def test_working_days_are_those_of_the_cabinet(country: Country, day: date, works: bool) -> None:
    assert country.calendar.working.is_working(day) is works


def test_days_not_yet_decided_say_so(country: Country) -> None:
    provisional = [off for off in country.calendar.days_off if off.provisional]

    assert provisional
    assert all(off.day > country.calendar.decided_until for off in provisional)


def test_ready_persons_can_sign_in_and_serve(country: Country) -> None:
    people = {person.key: person for person in country.demo_persons}

    assert people["aydan"].name == "Aydan Quliyeva"
    assert all(parse_fin(person.fin) == person.fin for person in people.values())
    phones = [person for person in people.values() if person.phone]
    assert all(parse_phone(str(person.phone)) == person.phone for person in phones)
    assert all(person.pin1 and person.pin2 for person in phones)
    roles = {(role.role, role.body) for person in people.values() for role in person.roles}
    assert roles == {
        ("officer", "dyp"),
        ("officer", "bpqmi"),
        ("unit-head", "dyp"),
        ("registrar", "dyp"),
        ("auditor", "mdd"),
        ("accountant", "idda"),
        ("catalogue-editor", "idda"),
        ("ra-officer", "idda"),
        ("ra-chief", "idda"),
        ("register-proposer", "dma"),
        ("register-signatory", "dma"),
        ("register-proposer", "bpqmi"),
        ("service-author", "bpqmi"),
        ("register-signatory", "bpqmi"),
        ("register-approver", "mdd"),
        ("register-security", "scis"),
        ("register-privacy", "justice"),
        ("register-supervisor", "mdd"),
    }


def island_with(tmp_path: Path, name: str, text: str) -> Path:
    source = Path(__file__).parents[1] / "registers" / "island"
    folder = tmp_path / "island"
    folder.mkdir()
    for path in source.glob("*.yaml"):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


PERSON = """persons:
  meri:
    fin: {fin}
    family: Saar
    given: Meri
    patronymic: Jaani
    sex: female
    born: 1990-01-01
    phone: "{phone}"
    pin1: "{pin1}"
    pin2: "22222"
    roles: [{{role: {role}, body: harbour}}]
    good_for: {{az: a, en: b, ru: c}}
"""
GOOD = {"fin": "1MERA11", "phone": "+994501112233", "pin1": "1111", "role": "officer"}


@pytest.mark.parametrize(
    ("name", "text", "key"),
    [
        ("demo/persons.yaml", PERSON.format(**{**GOOD, "fin": "1MERIO1"}), "persons.meri.fin"),
        ("demo/persons.yaml", PERSON.format(**{**GOOD, "phone": "12"}), "persons.meri.phone"),
        ("demo/persons.yaml", PERSON.format(**{**GOOD, "pin1": "11"}), "persons.meri.pin1"),
        ("demo/persons.yaml", PERSON.format(**{**GOOD, "role": "king"}), "persons.meri.roles"),
        ("demo/persons.yaml", "persons: [meri]\n", "persons"),
        ("purposes.yaml", "purposes: {x: {az: a, en: b, ru: c, basis: no}}", "purposes.x.basis"),
        ("purposes.yaml", "purposes: {x: {az: a, en: b, basis: sea-act}}", "purposes.x"),
        (
            "acts.yaml",
            "acts: {sea-act: {az: a, en: b, ru: c, number: '1'}}",
            "acts.sea-act.adopted",
        ),
        (
            "bodies.yaml",
            "bodies: {harbour: {names: {az: a, en: b, ru: c}, kind: x, source: y, parent: navy}}",
            "bodies.harbour.parent",
        ),
        ("calendar.yaml", "occasions: {}\ndays: {2026-01-01: {of: [x]}}\n", "days.2026-01-01.of"),
        ("regions.yaml", "regions: [", "(file)"),
    ],
)
def test_a_mistake_names_file_and_key(tmp_path: Path, name: str, text: str, key: str) -> None:
    folder = island_with(tmp_path, name, text)

    with pytest.raises(Misconfigured) as refused:
        Country.load_folder(folder)
    assert (refused.value.facts["file"], refused.value.facts["key"]) == (str(folder / name), key)


def test_a_stream_is_the_same_for_a_seed_and_another_for_another() -> None:
    def drawn(seed: str) -> list[int]:
        stream = Stream(seed)
        return [stream.below(1000) for _ in range(3000)]

    assert drawn("a") == drawn("a") != drawn("b")
    assert drawn("a")[:3] == drawn("a")[:3]
    assert 450 < sum(drawn("a")) / 3000 < 550
    stream = Stream("c")
    assert {stream.between(3, 5) for _ in range(100)} == {3, 4, 5}
    assert stream.day(date(2026, 1, 2), date(2026, 1, 1)) == date(2026, 1, 2)
