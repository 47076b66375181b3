"""Definitions: what the country's files say, and what a mistake in one is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from pencere.countries import Country
from pencere.kernel.errors import Invalid, Misconfigured
from pencere.registers.commands import check, list_registers, new_register
from pencere.registers.definition import read_definition
from pencere.registers.keys import asked_value, key_values
from pencere.registers.lint import load_registers
from pencere.registers.numbering import Numbering

LICENCE = Path("registers/sea/fishing-licence.yaml")


def test_the_registers_of_azerbaijan_have_nothing_wrong() -> None:
    country = Country.load("az")

    assert check(country) == []
    assert [each.code for each in list_registers(country)] == [
        "consent/consent",
        "dyp/disqualification",
        "dyp/driving-licence",
        "dyp/vehicle",
        "health/medical-certificate",
        "mandates/power",
        "population/identity-document",
        "population/person",
        "population/residence",
        "stateregister/body",
        "taxpayers/representative",
    ]


@pytest.mark.parametrize(
    ("old", "new", "key", "example"),
    [
        ("register: sea/", "register: air/", "register", "sea/fishing-licence"),
        ("version: 1", "version: first", "version", 1),
        ("owner: harbour", "owner: navy", "owner", "harbour"),
        ("basis: [sea-act]", "basis: [air-act]", "basis", "sea-act"),
        ("type: object\n", "type: thing\n", "data.$.type", {"type": "string"}),
        (
            "additionalProperties: false",
            "additionalProperties: true",
            "data.additionalProperties",
            False,
        ),
        (
            "x-names: {az: Alət, en: Gear, ru: Снасть}",
            "x-names: {az: Alət}",
            "data.properties.gear.x-names",
            {"az": "Adı", "en": "Name", "ru": "Имя"},
        ),
        (
            "rod: {az: Tilov, en: Rod, ru: Удочка}",
            "",
            "data.properties.gear.x-values.rod",
            {"az": "Adı", "en": "Name", "ru": "Имя"},
        ),
        ("fields: [number]", "fields: [numero]", "keys.number", "person"),
        ("kind: forever", "kind: always", "keys.number.kind", "lookup"),
        ("rescue: [person, secret]", "rescue: [person, secrets]", "disclosure.rescue", "person"),
        ("rescue: [person, secret]", "rescue: []", "disclosure.rescue", ["person"]),
        ("rescue: [person, secret]", "spying: [secret]", "disclosure.spying", "fishing"),
        ("purposes: [fishing, rescue]", "purposes: [census]", "writers[0].purposes", "fishing"),
        ("writers:", "clerks: [census]\nwriters:", "clerks", "fishing"),
        ("writers:", "extract: [numero]\nwriters:", "extract", "person"),
        (
            "subject: person",
            "subject: gear",
            "keys",
            {"gear": {"kind": "lookup", "fields": ["gear"], "person": True}},
        ),
        ("subject: person", "subject: ends", "subject", "ends"),
        ("field: number,", "field: numero,", "numbering.field", "person"),
        ("first: A-01", "first: C-01", "numbering.first", "AA 000001"),
        ("retention: {years: 10}", "retention: {years: 0}", "retention.years", 75),
        ("version: 1", "version: 1\nversion: 2", "(file)", "a YAML file in UTF-8"),
        (
            "names: {az: Balıqçılıq,",
            "names: {",
            "names",
            {"az": "Bakı", "en": "Baku", "ru": "Баку"},
        ),
    ],
)
def test_a_mistake_names_file_key_and_a_valid_example(island, old, new, key, example) -> None:
    path = island.folder / LICENCE
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")

    findings = check(island)
    assert (findings[0].file, findings[0].key, findings[0].example) == (path, key, example)
    with pytest.raises(Misconfigured) as refused:
        load_registers(island)
    assert refused.value.facts["key"] == key


@pytest.mark.anyio
async def test_a_published_definition_cannot_change_under_its_version(sea) -> None:
    path = sea.country.folder / LICENCE
    async with sea.open() as registers:
        await sea.granted(registers)
    text = path.read_text(encoding="utf-8")
    path.write_text(f"# another comment\n{text}", encoding="utf-8")
    async with sea.open():
        pass
    changed = text.replace("rescue: [person, secret]", "rescue: [person, secret, gear]")
    path.write_text(changed, encoding="utf-8")
    with pytest.raises(Misconfigured) as refused:
        async with sea.open():
            pass
    path.write_text(changed.replace("version: 1", "version: 2"), encoding="utf-8")
    async with sea.open() as registers:
        found = await registers.find(sea.licence, sea.caller("rescue"), {"person": sea.meri})
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured) as older:
        async with sea.open():
            pass

    assert (refused.value.facts["key"], refused.value.facts["example"]) == ("version", 2)
    assert (older.value.facts["key"], older.value.facts["example"]) == ("version", 3)
    assert found[0].data == {"person": sea.meri, "gear": "rod"}


def test_a_new_definition_begins_without_findings(island) -> None:
    path = new_register(island, "sea/light-house")

    assert check(island) == []
    assert read_definition(path).code == "sea/light-house"
    with pytest.raises(Invalid) as twice:
        new_register(island, "sea/light-house")
    with pytest.raises(Invalid) as outside:
        new_register(island, "../sea")
    assert (twice.value.code, outside.value.code) == ("register.exists", "register.code")


def test_spelling_does_not_hide_a_record(island) -> None:
    boat = load_registers(island)["sea/boat"]
    data = {"owner": "1MERA11", "name": "Şərqi Dəniz", "length": 9}

    assert key_values(boat, data) == {1: "1MERA11", 2: "ŞərqiDəniz", 3: "ser|9"}
    assert asked_value(boat.keys["owner"], "1mera 11") == "1MERA11"
    assert asked_value(boat.keys["look"], {"name": "SERQI", "length": 9}) == "ser|9"
    with pytest.raises(Invalid) as refused:
        asked_value(boat.keys["look"], "SERQI")
    assert refused.value.code == "key.incomplete"


def test_numbers_roll_over_from_letter_to_letter() -> None:
    numbering = Numbering("number", 2, 2, " ", "AB", "AA 98")

    assert [numbering.number(index) for index in range(4)] == ["AA 98", "AA 99", "AB 00", "AB 01"]
    for first in ("AA98", "AA 9", "AC 98", "AA 9x", "AA 9²"):
        with pytest.raises(Invalid):
            replace(numbering, first=first)


def test_the_engine_names_no_body_of_any_country() -> None:
    engine = Path(__file__).parents[2] / "src" / "pencere" / "registers"
    country = Country.load("az")
    names = {body.short for body in country.bodies.values() if body.short}
    registers = {each.split("/")[0] for each in load_registers(country)} - {"stateregister"}
    words = names | {body for body in country.bodies if len(body) > 3} | registers
    general = {"health", "justice", "family", "culture", "energy", "economy", "finance", "labour"}
    for path in [*engine.glob("**/*.py"), *engine.glob("**/*.sql")]:
        text = path.read_text(encoding="utf-8")
        tokens = set(text.replace('"', " ").replace("/", " ").replace("'", " ").split())
        assert tokens & (words - general) - {"population"} == set(), path.name
