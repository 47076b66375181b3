# ruff: noqa: E501 - a table reads better on long lines
"""Every type of question: what it takes, what it refuses and how it says so."""

import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from pencere.countries import Country
from pencere.services import forms, prefill
from pencere.services.cleaning import tables
from pencere.services.definition import load
from pencere.services.forms import FieldErrors, Upload
from pencere.services.lints import Surroundings, lint
from pencere.services.model.definition import Definition
from pencere.services.places import Places
from pencere.services.trial import run_cases

ROW = {"day": date(2024, 2, 29), "kind": "cod", "weight": 7}


@pytest.fixture
def folder(island_folder: Path) -> Path:
    target = island_folder / "services" / "sea-log"
    shutil.copytree(Path(__file__).parent / "sea-log", target)
    return target


@pytest.fixture
def log(folder: Path) -> Definition:
    return load(folder)


@pytest.fixture
def known(island_folder: Path) -> dict[str, object]:
    places = Places.of(Country.load_folder(island_folder))
    return {"answers": {}, "facts": {}, "today": date(2026, 11, 20), "places": places}


def test_a_form_with_every_type_has_no_finding_and_its_cases_go_well(
    folder: Path, island_folder: Path
) -> None:
    around = Surroundings.of(Country.load_folder(island_folder))
    definition = load(folder)

    results = run_cases(definition, around)

    assert lint(definition, around) == []
    assert [(r.name, r.problems) for r in results if not r.passed] == []


UPLOAD = Upload("1", "a.pdf", "application/pdf", 10)
KEPT = {
    "id": "1",
    "name": "a.pdf",
    "media_type": "application/pdf",
    "size_bytes": 10,
    "width": 0,
    "height": 0,
}
IBAN = "AZ21NABZ00000000137010001944"


@pytest.mark.parametrize(
    ("question", "raw", "value", "words"),
    [
        ("fish", {"fish": ["ray", "cod", "ray"]}, ["cod", "ray"], "Cod, Ray"),
        ("mail", {"mail": " Ad.Soyad+1@Example.AZ "}, "Ad.Soyad+1@example.az", "Ad.Soyad+1@example.az"),
        ("account", {"account": "az21 nabz 0000 0000 1370 1000 1944"}, IBAN, IBAN),
        ("firm", {"firm": "1234567091"}, "1234567091", "1234567091"),
        ("spare", {"spare": "01 ab 123"}, "01-AB-123", "01-AB-123"),
        ("boat", {"boat": "01AB123"}, "01-AB-123", "01-AB-123"),
        ("mate", {"mate": "5abcde1"}, {"number": "5ABCDE1"}, "5ABCDE1"),
        ("length", {"length": "12,5"}, 1250, "12.5 m"),
        ("length", {"length": "1"}, 100, "1 m"),
        ("harbour", {"harbour-region": "IS-N", "harbour-line": "Sea road 1 🐟"}, {"region": "IS-N", "region_name": "Şimal", "line": "Sea road 1 🐟"}, "Şimal, Sea road 1 🐟"),
        ("spot", {"spot-latitude": "-1.5", "spot-longitude": "12,25"}, {"latitude": -1_500_000, "longitude": 12_250_000}, "-1.500000, 12.250000"),
        ("sworn", {"sworn": "yes"}, True, "Agreed"),
        ("papers", {"papers": [UPLOAD]}, [KEPT], "a.pdf"),
        ("catches", {"catches": "29.02.2024;cod;7;;\n"}, [ROW], "29 February 2024, Cod, 7 kg, , "),
        ("catches", {"catches": "Gün\tBalıq\tÇəki\tQiymət\tQeyd\n29.02.2024\tTreska\t7"}, [ROW], "29 February 2024, Cod, 7 kg, , "),
    ],
)  # fmt: skip
def test_an_answer_becomes_a_value_and_is_read_stored_and_typed_again(
    log: Definition, known: dict[str, object], question: str, raw: Mapping[str, object],
    value: object, words: str,
) -> None:  # fmt: skip
    asked = log.question(question)
    assert asked is not None
    cleaned = forms.clean(asked, raw, known)  # type: ignore[arg-type]

    assert cleaned == value
    assert forms.shown(asked, cleaned, "en") == words
    stored = forms.to_stored({question: cleaned})
    assert forms.from_stored(log, stored).answers == {question: value}
    if question != "papers":
        assert forms.clean(asked, forms.raw_of(asked, cleaned), known) == value


@pytest.mark.parametrize(
    ("question", "raw", "field", "code"),
    [
        ("fish", {}, "fish", "answer.required"),
        ("fish", {"fish": ["shark"]}, "fish", "answer.choose_from_list"),
        ("fish", {"fish": ["cod", "eel", "ray"]}, "fish", "answer.choose_fewer"),
        ("mail", {"mail": "a@b"}, "mail", "email.invalid"),
        ("mail", {"mail": "a@b.az\nBcc: c@d.az"}, "mail", "email.invalid"),
        ("mail", {"mail": "😀@example.az"}, "mail", "email.invalid"),
        ("mail", {"mail": "a" * 250 + "@example.az"}, "mail", "email.invalid"),
        ("account", {"account": "AZ22NABZ00000000137010001944"}, "account", "iban.invalid"),
        ("account", {"account": "DE89370400440532013000"}, "account", "iban.invalid"),
        ("firm", {"firm": "1234567891"}, "firm", "voen.invalid"),
        ("mate", {"mate": "5ABCDEI"}, "mate", "fin.invalid"),
        ("boat", {"boat": "99-AB-123"}, "boat", "plate.unknown_region"),
        ("boat", {"boat": "01-QW-123"}, "boat", "plate.invalid"),
        ("length", {"length": "1,234"}, "length", "decimal.invalid"),
        ("length", {"length": "0,99"}, "length", "number.too_small"),
        ("length", {"length": "50.01"}, "length", "number.too_large"),
        ("length", {"length": "9" * 5000}, "length", "decimal.invalid"),
        ("length", {"length": "1e3"}, "length", "decimal.invalid"),
        ("length", {"length": "NaN"}, "length", "decimal.invalid"),
        ("harbour", {"harbour-line": "Sea road"}, "harbour-region", "address.region"),
        ("harbour", {"harbour-region": "AZ-BA", "harbour-line": "x"}, "harbour-region", "address.region"),
        ("harbour", {"harbour-region": "IS-N"}, "harbour-line", "address.line"),
        ("harbour", {"harbour-region": "IS-N", "harbour-line": "a\x00b"}, "harbour-line", "answer.control_characters"),
        ("spot", {"spot-latitude": "0"}, "spot-longitude", "point.invalid"),
        ("spot", {"spot-latitude": "2.000001", "spot-longitude": "11"}, "spot-latitude", "point.outside"),
        ("spot", {"spot-latitude": "0°0'", "spot-longitude": "11"}, "spot-latitude", "point.invalid"),
        ("sworn", {}, "sworn", "declaration.required"),
        ("sworn", {"sworn": "no"}, "sworn", "declaration.required"),
        ("papers", {"papers": [UPLOAD] * 4}, "papers", "files.too_many"),
        ("papers", {"papers": [Upload("1", "a.exe", "application/x-msdownload", 10)]}, "papers", "file.wrong_type"),
        ("papers", {"papers": [Upload("1", "a.pdf", "application/pdf", 1048577)]}, "papers", "file.too_large"),
        ("catches", {}, "catches", "table.required"),
        ("catches", {"catches": "29.02.2026;cod;7"}, "catches", "date.invalid"),
        ("catches", {"catches": "28.02.2026;shark;7"}, "catches", "answer.choose_one"),
        ("catches", {"catches": "28.02.2026;cod;7;8000"}, "catches", "price.must.0"),
        ("catches", {"catches": "28.02.2026;cod;0"}, "catches", "catches.must.0"),
        ("catches", {"catches": "28.02.2026;cod;1;1;x;x"}, "catches", "table.wide"),
        ("catches", {"catches": "28.02.2026;cod;1\n" * 201}, "catches", "table.too_many"),
        ("catches", {"catches": "x" * 200_001}, "catches", "table.too_long"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_taken_says_where_and_why(
    log: Definition, known: dict[str, object], question: str, raw: Mapping[str, object],
    field: str, code: str,
) -> None:  # fmt: skip
    asked = log.question(question)
    assert asked is not None

    with pytest.raises(FieldErrors) as caught:
        forms.clean(asked, raw, known)  # type: ignore[arg-type]

    assert [(e.field, e.code) for e in caught.value.errors] == [(field, code)]


def test_a_fault_in_a_table_names_its_row_and_column(
    log: Definition, known: dict[str, object]
) -> None:
    asked = log.question("catches")
    assert asked is not None

    with pytest.raises(FieldErrors) as caught:
        forms.clean(asked, {"catches": "1.2.2026;cod;5\n1.2.2026;cod;many"}, known)

    assert caught.value.errors[0].say.en == "Row 2, Weight: Write a whole number. For example, 12."


def test_a_row_is_cleaned_by_the_fields_of_its_columns(
    log: Definition, known: dict[str, object]
) -> None:
    asked = log.question("catches")
    assert asked is not None
    raw = {"day-day": "29", "day-month": "2", "day-year": "2024", "kind": "cod", "weight": "7"}

    row = tables.clean_row(asked, raw, known)

    assert row == ROW
    assert tables.row_fields(asked, row) == {**raw, "day-month": "02"}


def test_what_is_computed_is_worked_out_and_never_taken_from_the_answers(
    log: Definition, known: dict[str, object]
) -> None:
    rows = [{**ROW, "price": 250}, {**ROW, "weight": 3, "price": 50}, {**ROW, "weight": 1}]

    way = forms.walk(log, {"gear": "net", "catches": rows, "weight": 1}, known)
    nothing = forms.walk(log, {"gear": "net", "weight": 1}, known)

    assert (way.answers["weight"], way.answers["worth"]) == (11, 300)
    assert "weight" not in [q.id for q in way.asked]
    assert "weight" not in nothing.answers


def test_a_section_is_on_the_way_only_when_its_condition_holds(
    log: Definition, known: dict[str, object]
) -> None:
    sections = [
        {q.section for q in forms.route(log, answers, known)}
        for answers in ({"gear": "net"}, {"gear": "none"}, {})
    ]

    assert sections == [{"boat", "catch", "end"}, {"boat", "end"}, {"boat", "end"}]


@pytest.mark.parametrize(
    ("facts", "gear", "ends"),
    [
        ({"permit": {"gear": "net", "ends": "2027-02-28"}}, "net", date(2027, 2, 28)),
        ({"permit": {"gear": "trap", "ends": "30 February"}}, None, None),
        ({}, None, None),
    ],
)
def test_what_the_state_has_is_the_answer_only_where_it_fits(
    log: Definition, known: dict[str, object], facts: object, gear: object, ends: object
) -> None:
    around = {**known, "facts": facts}
    asked = [log.question("gear"), log.question("permit_ends")]

    found = [prefill.known(q, around) for q in asked if q is not None]
    locked = [prefill.is_locked(q, around) for q in asked if q is not None]

    assert found == [gear, ends]
    assert locked == [False, ends is not None]


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ("from: facts.permit.gear", "from: facts.permit.secret", "questions.0.from", "facts.permit has no such field"),
        ("from: facts.permit.gear", "from: today", "questions.0.from", "reads no fact"),
        ("from: facts.permit.ends, locked", "locked", "questions.1.locked", "nothing is known to lock"),
        ("section: end, type: email", "section: boat, type: email", "questions.11.section", "the section was over"),
        ("section: end, type: email", "section: lost, type: email", "questions.11.section", "no such section"),
        ("by: person, purpose: fishing, basis", "by: gear, purpose: fishing, basis", "questions.4.look_up.by", "the register cannot be asked by it"),
        ("show: [number, gear]}", "show: [secret]}", "questions.4.look_up.show", "is not disclosed for this purpose"),
        ("basis: sea-act, show", "basis: air-act, show", "questions.4.look_up.basis", "no such act"),
        ("that: row.price <= row.weight", "that: row.note <= row.weight", "questions.7.columns.3.must.0.that", "no such name in row, or not known yet"),
        ("sum(answers.catches, 'weight')", "sum(answers.worth, 'weight')", "questions.8.value", "no such name in answers, or not known yet"),
        ("minimum: 1\n    maximum: 2\n", "minimum: 3\n    maximum: 2\n", "questions.6.minimum", "is more than the maximum"),
    ],
)  # fmt: skip
def test_a_definition_that_cannot_work_is_found_before_it_is_published(
    folder: Path, island_folder: Path, old: str, new: str, key: str, message: str
) -> None:
    file = folder / "service.yaml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")

    found = lint(load(folder), Surroundings.of(Country.load_folder(island_folder)))

    assert (key, message) in [(f.key, f.message) for f in found]
