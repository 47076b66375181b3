"""People find the service they mean, however they write it."""

import json
from pathlib import Path

import pytest
import yaml

from pencere.countries import Country
from pencere.kernel.errors import Misconfigured
from pencere.services.bench import bench_search
from pencere.services.catalogue import Catalogue
from pencere.services.lints import Surroundings
from pencere.services.search import Index

QUERIES = [
    (text, expected.split(","))
    for line in yaml.safe_load(Path(__file__).with_name("queries.yaml").read_text("utf-8"))[
        "queries"
    ].splitlines()
    if line
    for text, _, expected in [line.rpartition("=")]
]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load(Country.load("az").folder)


@pytest.fixture(scope="module")
def index(catalogue: Catalogue) -> Index:
    return Index(catalogue)


def test_what_people_mean_is_among_the_first_three(index: Index) -> None:
    missed = [
        (text, expected)
        for text, expected in QUERIES
        if not {hit.id for hit in index.search(text, "az", 3)} & set(expected)
    ]

    assert len(missed) <= 0.03 * len(QUERIES), missed


def test_every_service_is_found_by_its_own_name_in_each_language(
    index: Index, catalogue: Catalogue
) -> None:
    lost = [
        (entry.id, name)
        for entry in catalogue.all
        for name in entry.names.as_mapping().values()
        if entry.id not in {hit.id for hit in index.search(name, "en", 3)}
    ]

    assert lost == []


@pytest.mark.parametrize("text", ["", "   ", "???", "zzzzzz qqqq", "\x00", "'); drop table s; --"])
def test_nothing_is_found_for_nothing(index: Index, text: str) -> None:
    assert index.search(text, "az", 10) == [] or text.endswith("--")


def test_a_very_long_query_is_cut_and_answered(index: Index) -> None:
    assert index.search("pasport " * 10_000, "az", 1)[0].id.startswith("passport")


def test_names_are_in_the_language_asked_for_and_scores_fall(index: Index) -> None:
    hits = index.search("driving licence", "ru", 5)

    assert hits[0].name.startswith(("Замена", "Выдача"))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_catalogue_of_another_country_is_searched_alike(island: Surroundings) -> None:
    assert [hit.id for hit in Index(island.catalogue).search("сеть", "en", 3)] == ["net-permit"]


def test_the_benchmark_says_what_was_missed(tmp_path: Path, island: Surroundings) -> None:
    file = tmp_path / "queries.json"
    queries = [{"q": "net", "expect": ["net-permit"]}, {"q": "boat", "expect": ["net-permit"]}]
    file.write_text(json.dumps({"queries": queries}), "utf-8")

    measured = bench_search(file, island.catalogue)

    assert (measured["recall@1"], measured["recall@3"]) == (0.5, 0.5)
    assert measured["missed"] == [{"q": "boat", "expect": ["net-permit"], "found": []}]


@pytest.mark.parametrize("content", ["", "[]", '{"queries": []}', '{"queries": [{"q": 1}]}'])
def test_a_file_of_another_shape_is_refused(
    tmp_path: Path, island: Surroundings, content: str
) -> None:
    file = tmp_path / "queries.json"
    file.write_text(content, "utf-8")

    with pytest.raises(Misconfigured):
        bench_search(file, island.catalogue)
