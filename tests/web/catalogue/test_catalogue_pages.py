"""Finding a service: start page, search, lists, life events, the page of a service."""

import re
from collections.abc import Callable
from datetime import date
from html import unescape

import pytest
from django.test import Client

from pencere.kernel.clock import FixedClock, local_date
from pencere.web.catalogue.domain import searches
from pencere.web.catalogue.domain.services import catalogue, in_alphabet, letter, place
from pencere.web.catalogue.models import SearchFound, SearchMissed
from pencere.web.jinja.environment import _macros, environment
from pencere.web.people.models import Person
from pencere.web.portal.components_page.views import component_files

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 22)


def page(path: str) -> str:
    answer = Client().get(path)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("language", ["az", "en", "ru"])
def test_every_service_has_a_page_in_every_language(language: str) -> None:
    for entry in catalogue().all:
        assert f"<h1>{entry.names.in_language(language)}</h1>" in _plain(
            page(f"/{language}/services/{entry.id}/")
        )


def _plain(html: str) -> str:
    return unescape(html)


@pytest.mark.parametrize("language", ["az", "en", "ru"])
def test_every_life_event_of_the_start_page_leads_to_its_services(language: str) -> None:
    start = page(f"/{language}/")

    addresses = re.findall(rf'href="(/{language}/life/[a-z-]+/)"', start)

    assert len(addresses) == len(catalogue().life_events)
    assert all(page(address) for address in addresses)


def test_every_service_stands_in_both_lists() -> None:
    for address in ("/az/services/", "/az/services/?by=body"):
        listed = set(re.findall(r'href="/az/services/([a-z0-9-]+)/"', page(address)))
        assert listed == set(catalogue().entries)


def test_letters_stand_as_the_azerbaijani_alphabet_has_them() -> None:
    names = [
        "Şəkil",
        "Sənəd",
        "Çek",
        "Cərimə",
        "Əlillik",
        "Elan",
        "İcazə",
        "Işıq",
        "Xəritə",
        "Həkim",
    ]

    ordered = sorted(names, key=lambda name: place(name, "az"))

    assert ordered == [
        "Cərimə", "Çek", "Elan", "Əlillik", "Həkim", "Xəritə", "Işıq", "İcazə", "Sənəd", "Şəkil",
    ]  # fmt: skip
    assert [letter(name, "az") for name in ("icazə", "ışıq")] == ["İ", "I"]


def test_the_russian_list_keeps_yo_beside_ye() -> None:
    names = ["Жильё", "Ель", "Ёлка", "Елка"]

    assert sorted(names, key=lambda n: place(n, "ru")) == ["Елка", "Ёлка", "Ель", "Жильё"]


def test_lists_are_sorted() -> None:
    names = [entry.names.az for entry in in_alphabet(catalogue().all, "az")]

    assert names == sorted(names, key=lambda name: place(name, "az"))


@pytest.mark.parametrize(
    ("language", "words"),
    [("az", "surucu vesiqesi"), ("en", "driving licence lost"), ("ru", "водительские права")],
)
def test_the_search_answers_without_a_script(language: str, words: str) -> None:
    answer = Client().get(f"/{language}/search/", {"q": words}).content.decode()

    assert f"/{language}/services/driving-licence-replace/" in answer


def test_suggestions_answer_while_one_types() -> None:
    answer = Client().get("/en/search/suggestions/", {"q": "residence certif"}).json()

    assert "/en/services/residence-certificate/" in [hit["address"] for hit in answer["hits"]]
    assert answer["said"] == f"{len(answer['hits'])} services found"


@pytest.mark.parametrize(
    "words", ["", "   ", "<script>alert(1)</script>", "a" * 5000, "%", "'\"\\"]
)
def test_odd_words_are_answered_calmly(words: str) -> None:
    answer = Client().get("/az/search/", {"q": words})

    assert answer.status_code == 200
    assert "<script>alert" not in answer.content.decode()


def test_what_is_found_is_counted_and_shown_once_it_is_a_fashion(clock: FixedClock) -> None:
    today = local_date(clock.now())
    service = "residence-certificate"

    for _ in range(searches.FEWEST - 1):
        searches.note_found(service, on=today)
    just_under = searches.most_searched(5, on=today)
    searches.note_found(service, on=today)

    assert just_under == []
    assert searches.most_searched(5, on=today) == [service]
    assert SearchFound.objects.get().count == searches.FEWEST


def test_words_searched_in_vain_are_kept_for_editors_but_not_numbers() -> None:
    for words in ("Qqqzzz", "qqqzzz ", "5KQ2R7A", "0501234567", ""):
        searches.note_missed(words, "az", on=TODAY)

    assert searches.missed(5, on=TODAY) == [("qqqzzz", "az", 2)]
    assert SearchMissed.objects.count() == 1


@pytest.mark.parametrize("path", ["/az/services/no-such/", "/az/life/no-such/"])
def test_what_is_not_there_is_not_found(path: str) -> None:
    assert Client().get(path).status_code == 404


def test_figures_are_left_out_while_there_is_nothing_to_count() -> None:
    assert "The state accounts to you" not in page("/en/")


def test_who_is_signed_in_is_greeted_and_not_from_the_cache(
    person: Person, sign_in: Callable[..., Client]
) -> None:
    Client().get("/en/")

    mine = sign_in(person).get("/en/").content.decode()
    theirs = page("/en/")

    assert "Sign out" in mine
    assert ("Sign out" in theirs, "Aydan" in theirs) == (False, False)


@pytest.mark.parametrize("name", ["help", "accessibility", "personal-data", "about", "components"])
@pytest.mark.parametrize("language", ["az", "en", "ru"])
def test_the_other_pages_are_there(language: str, name: str) -> None:
    assert "<h1>" in page(f"/{language}/{name}/")


def test_components_lead_to_the_readers_language() -> None:
    answer = Client().get("/components", headers={"Accept-Language": "ru"})

    assert answer["Location"] == "/ru/components/"


def test_every_macro_of_the_components_is_shown() -> None:
    shown = {component.name for file in component_files("az") for component in file.components}

    assert set(_macros(environment("az"))) - shown == {"pagination"}
