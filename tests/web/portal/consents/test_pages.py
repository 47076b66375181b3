"""Consents: offered from agreements, given, narrowed and taken back in the register."""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from pencere.countries.country import Country
from pencere.kernel.errors import Conflict, Unavailable
from pencere.web.exchange import Record
from pencere.web.people.models import Person
from pencere.web.stateregister.domain.loading import load_country
from pencere.web.stateregister.models import Agreement

BASE = "/az/window/consents/"
ONE = f"{BASE}employment-driving-licence/"
ALL = ["categories", "issued", "expires"]


class Register:
    """The register of consents as the gateway gives it: versions, one consent an agreement."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.purposes: list[str] = []
        self.is_silent = False

    def query(self, *, purpose: Any, annulled_too: bool, **_: Any) -> tuple[Record, ...]:
        if self.is_silent:
            raise Unavailable("register.unavailable", register="consent/consent")
        self.purposes.append(purpose.code)
        found = self.records.values()
        return tuple(one for one in found if annulled_too or one.state == "valid")

    def transact(
        self, *, operations: Sequence[Mapping[str, Any]], purpose: Any, **_: Any
    ) -> tuple[Record, ...]:
        [given] = operations
        self.purposes.append(purpose.code)
        if given["op"] == "create":
            if any(one.state == "valid" for one in self.records.values()):
                raise Conflict("register.changed", register="consent/consent")
            made = Record(
                str(len(self.records) + 1), 1, "valid", given["valid_from"], given["data"]
            )
        else:
            known = self.records[given["id"]]
            if known.version != given["version"]:
                raise Conflict("register.changed", register="consent/consent")
            made = replace(
                known,
                version=known.version + 1,
                state="annulled" if given["op"] == "annul" else "valid",
                data=given.get("data", known.data),
            )
        self.records[made.id] = made
        return (made,)


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Register:
    made = Register()
    monkeypatch.setattr("pencere.web.portal.consents.keeping.gateway", lambda: made)
    return made


@pytest.fixture
def window(db: None, person: Person, sign_in: Callable[..., Client]) -> Client:
    load_country(Country.load("az"))
    return sign_in(person)


def words(answer: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def give(window: Client, fields: list[str], until: str = "31.12.2027") -> Any:
    return window.post(ONE, {"fields": fields, "until": until})


def test_what_needs_consent_is_offered_before_anything_is_given(
    window: Client, register: Register
) -> None:
    said = words(window.get(BASE))

    assert "ƏƏSMN yanında Dövlət Məşğulluq Agentliyi" in said
    assert "Sürücülük vəsiqələrinin reyestri: Kateqoriyalar, Verilmə tarixi" in said
    assert register.purposes == ["my-consents"]


def test_a_consent_says_who_what_why_and_until_when(
    window: Client, register: Register, person: Person
) -> None:
    answer = give(window, ALL)

    [record] = register.records.values()
    assert (answer.status_code, answer["Location"]) == (302, BASE)
    assert record.data == {
        "fin": person.fin,
        "agreement": "employment-driving-licence",
        "recipient": "AZ/GOV/dma/employment",
        "service": "AZ/GOV/dyp/dyp/driving-licence",
        "purpose": "job-matching",
        "fields": ALL,
        "until": "2027-12-31",
    }
    assert register.purposes == ["my-consents", "give-consent"]


def test_the_page_can_be_sent_as_it_is_shown(window: Client, register: Register) -> None:
    page = window.get(ONE).content.decode()
    fields = re.findall(r'name="fields" value="(\w+)"[^>]* checked', page)
    [until] = re.findall(r'name="until"[^>]* value="([^"]*)"', page)

    answer = give(window, fields, until)

    assert (answer.status_code, register.records["1"].data["fields"]) == (302, ALL)


def test_it_is_narrowed_and_taken_back(window: Client, register: Register) -> None:
    give(window, ALL)

    give(window, ["categories"], "31.12.2026")
    narrowed = register.records["1"]
    window.post(f"{ONE}withdraw/")

    assert (narrowed.version, narrowed.data["fields"]) == (2, ["categories"])
    assert (register.records["1"].version, register.records["1"].state) == (3, "annulled")
    assert "Bitmiş və geri götürülmüş icazələr" in words(window.get(BASE))


def test_after_it_was_taken_back_it_can_be_given_again(window: Client, register: Register) -> None:
    give(window, ALL)
    window.post(f"{ONE}withdraw/")
    give(window, ALL)

    assert [one.state for one in register.records.values()] == ["annulled", "valid"]


def test_taking_back_twice_is_taking_back_once(window: Client, register: Register) -> None:
    give(window, ALL)

    answers = [window.post(f"{ONE}withdraw/").status_code for _ in range(2)]

    assert (answers, register.records["1"].version) == ([302, 302], 2)


@pytest.mark.parametrize(
    ("fields", "until", "said"),
    [
        ([], "31.12.2027", "Ən azı bir məlumat seçin"),
        (["number"], "31.12.2027", "Ən azı bir məlumat seçin"),
        (ALL, "soon", "Tarixi belə yazın"),
        (ALL, "01.01.2020", "Bu gündən"),
        (ALL, "31.12.2099", "Bu gündən"),
    ],
    ids=["nothing", "not-offered", "no-date", "past", "after-the-agreement"],
)
def test_what_cannot_be_kept_is_said_beside_the_field(
    window: Client, register: Register, fields: list[str], until: str, said: str
) -> None:
    answer = give(window, fields, until)

    assert (answer.status_code, said in words(answer)) == (422, True)
    assert register.records == {}


def test_a_field_that_is_not_agreed_is_not_given_away(window: Client, register: Register) -> None:
    give(window, ["categories", "number", "fin"])

    assert register.records["1"].data["fields"] == ["categories"]


def test_of_two_at_once_the_second_is_told(window: Client, register: Register) -> None:
    give(window, ALL)
    old = register.records["1"]

    def raced(**asked: Any) -> tuple[Record, ...]:
        register.records["1"] = replace(old, version=old.version + 1)
        return (old,)

    register.query = raced  # type: ignore[method-assign]
    answer = window.post(ONE, {"fields": ["categories"], "until": "31.12.2026"}, follow=True)

    assert "İcazə bu arada dəyişib" in words(answer)
    assert register.records["1"].data["fields"] == ALL


def test_a_register_that_does_not_answer_is_said_to_be_silent(
    window: Client, register: Register
) -> None:
    register.is_silent = True

    answer = window.get(BASE)

    assert (answer.status_code, "hazırda cavab vermir" in words(answer)) == (503, True)


def test_an_agreement_that_ended_is_not_offered(window: Client, register: Register) -> None:
    Agreement.objects.filter(id="employment-driving-licence").update(force="ended")

    assert window.get(ONE).status_code == 404
    assert "Məşğulluq" not in words(window.get(BASE))
    assert register.records == {}


@pytest.mark.parametrize("path", [BASE, ONE])
def test_only_who_signed_in_sees_consents(db: None, client: Client, path: str) -> None:
    assert client.get(path).status_code == 302


@pytest.mark.parametrize("language", ["az", "en", "ru"])
def test_the_page_speaks_three_languages(window: Client, register: Register, language: str) -> None:
    answer = window.get(ONE.replace("/az/", f"/{language}/"))

    titles = {"az": "İcazələrim", "en": "My consents", "ru": "Мои согласия"}
    assert titles[language] in words(answer)
