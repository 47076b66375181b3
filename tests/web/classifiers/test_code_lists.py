"""Code lists: loaded from the country's data, versions that stay, what holds on a day."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.db import DatabaseError, transaction
from rdflib import RDF, SKOS, Graph, URIRef

from pencere.countries.country import Country
from pencere.kernel.datafile import Node
from pencere.kernel.errors import Misconfigured, Missing
from pencere.kernel.text import Text
from pencere.web.classifiers.domain import data, reading, writing
from pencere.web.classifiers.domain.data import Code, read_code_lists
from pencere.web.classifiers.domain.loading import load
from pencere.web.classifiers.models import Entry, Version

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def code(key: str, word: str = "Söz", **more: object) -> Code:
    return Code(key, Text(word, word, word), **more)  # type: ignore[arg-type]


def loaded(key: str) -> reading.CodeList:
    load(read_code_lists(Country.load("az")), at=NOW)
    return reading.code_list(key)


def test_the_lists_of_the_country_are_loaded_once() -> None:
    lists = read_code_lists(Country.load("az"))

    first, again = load(lists, at=NOW), load(lists, at=NOW)

    assert (first, again) == (sum(len(one.versions) for one in lists), 0)
    assert [one.id for one in reading.code_lists()] == sorted(one.id for one in lists)
    assert len(reading.codes_of(reading.version_on(reading.code_list("regions"), NOW.date()))) > 70


@pytest.mark.parametrize(
    ("day", "number", "count"),
    [(date(2021, 7, 6), 1, 10), (date(2021, 7, 7), 2, 14), (date(2026, 11, 22), 2, 14)],
)
def test_the_version_of_a_day_is_the_last_that_began(day: date, number: int, count: int) -> None:
    version = reading.version_on(loaded("economic-regions"), day)

    assert (version.number, len(reading.codes_of(version))) == (number, count)


def test_before_the_first_version_nothing_holds() -> None:
    with pytest.raises(Missing) as refused:
        reading.version_on(loaded("sex"), date(2000, 1, 1))

    assert refused.value.code == "code_list.not_yet"


def test_what_a_version_changed_is_told_code_by_code() -> None:
    old = [code("1"), code("2"), code("3", "Üç")]
    new = [code("1"), code("3", "Üçüncü"), code("4")]

    found = [(one.kind, one.code) for one in reading.changes(old, new)]

    assert found == [("changed", "3"), ("added", "4"), ("removed", "2")]


def test_a_correction_of_one_day_is_a_new_version_and_the_old_stays() -> None:
    lists = {one.id: one for one in read_code_lists(Country.load("az"))}
    load(lists.values(), at=NOW)
    sex = lists["sex"]
    mended = replace(sex.versions[0], codes=(*sex.versions[0].codes[:-1], code("9", "Yoxdur")))

    count = load([*(set(lists.values()) - {sex}), replace(sex, versions=(mended,))], at=NOW)

    found = reading.code_list("sex")
    now = reading.version_on(found, NOW.date())
    was = reading.before(now)
    assert was is not None
    assert (count, now.number, was.number) == (1, 2, 1)
    differing = reading.changes(reading.codes_of(was), reading.codes_of(now))
    assert [(one.kind, one.code) for one in differing] == [("changed", "9")]


def test_a_list_that_the_data_drops_is_kept_and_no_longer_listed() -> None:
    lists = read_code_lists(Country.load("az"))
    load(lists, at=NOW)

    load([one for one in lists if one.id != "sex"], at=NOW)

    assert "sex" not in {one.id for one in reading.code_lists()}
    assert reading.code_list("sex").versions.count() == 1


def test_a_code_holds_between_its_own_days() -> None:
    bounded = code("1", valid_from=date(2020, 1, 1), valid_until=date(2020, 12, 31))

    days = [date(2019, 12, 31), date(2020, 1, 1), date(2020, 12, 31), date(2021, 1, 1)]

    assert [bounded.holds_on(day) for day in days] == [False, True, True, False]


def test_a_published_version_cannot_be_changed_or_deleted() -> None:
    version = reading.version_on(loaded("sex"), NOW.date())
    for act in (
        lambda: Version.objects.filter(pk=version.pk).update(number=9),
        lambda: Entry.objects.filter(version=version).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            act()


def test_the_three_files_say_the_same_codes() -> None:
    version = reading.version_on(loaded("economic-regions"), NOW.date())
    codes = reading.codes_of(version)
    address = "https://example.az/codelists/economic-regions"
    expected = [one.code for one in codes]

    rows = list(csv.DictReader(io.StringIO(
        writing.as_csv(version, codes, address).decode("utf-8-sig"))))  # fmt: skip
    document = json.loads(writing.as_json(version, codes, address))
    graph = Graph().parse(data=writing.as_skos(version, codes, address), format="turtle")

    assert [row["code"] for row in rows] == expected
    assert [one["code"] for one in document["entries"]] == expected
    assert document["sha256"] == bytes(version.content_sha256).hex()
    said = {str(one) for one in graph.objects(None, SKOS.notation)}
    assert said == set(expected)
    assert (URIRef(address), RDF.type, SKOS.ConceptScheme) in graph


def test_no_cell_of_a_table_is_a_formula() -> None:
    assert [writing.guarded(cell) for cell in ("=1+1", "-2", "@a", "Bakı", "")] == [
        "'=1+1", "'-2", "'@a", "Bakı", ""
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ("versions: []", "versions"),
        ("versions: [{valid_from: x, note: {az: a, en: a, ru: a}, entries: {}}]", "valid_from"),
        ("versions: [{valid_from: 2026-01-01, note: {az: a, en: a, ru: a}, from: x}]", "from"),
        (
            (
                "versions: [{valid_from: 2026-01-01, note: {az: a, en: a, ru: a},"
                " entries: {a: {az: a, en: a, ru: a, parent: z}}}]"
            ),
            "entries",
        ),
    ],
)
def test_a_mistake_in_a_file_is_named(wrong: str, key: str, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    head = "{name}: {{az: a, en: a, ru: a}}\n"
    file.write_text(
        head.format(name="names") + head.format(name="about")
        + f"owner: cabmin\nsource: s\nlicence: l\n{wrong}\n"
    )  # fmt: skip

    with pytest.raises(Misconfigured) as refused:
        data._list("x", Node.of_file(file), Country.load("az"))

    assert key in str(refused.value.facts["key"])
