"""Pages of the portal as a person's browser gets them, with registers on paper."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.test import Client

from pencere.kernel.errors import Unavailable
from pencere.kernel.text import Text
from pencere.web.exchange import Record, Usage, Usages
from pencere.web.exchange.registers import register
from pencere.web.issued.domain import issuing
from pencere.web.issued.models import IssuedDocument
from pencere.web.notifications.domain import inbox
from pencere.web.people.models import Person
from pencere.web.portal.applications.shown import value_shown
from pencere.web.portal.window.proof import verdict_of

PAGES = [
    "/az/window/", "/az/window/notices/", "/az/window/data/", "/az/window/access/",
    "/az/window/payments/", "/az/documents/", "/en/window/", "/ru/window/",
]  # fmt: skip


class Registers:
    """The gateway's calls; silent when told to be."""

    is_silent = False

    def query(self, *, register: str, by: Mapping[str, Any], **_: Any) -> tuple[Record, ...]:
        if self.is_silent:
            raise Unavailable("register.unavailable", register=register)
        if register == "population/person":
            data = {"fin": "5KQ2R7A", "family": "Quliyeva", "given": "Aydan", "born": "1991-05-12"}
            return (Record("1", 1, "valid", "2020-01-01", data),)
        data = {"kind": "permanent", "address_line": "Bakı", "since": "2020-11-22"}
        return (Record("2", 1, "valid", "2020-01-01", data),)

    def find_usage(self, **_: Any) -> Usages:
        if self.is_silent:
            raise Unavailable("register.unavailable", register="population")
        return Usages(1, (a_usage(),))


def a_usage(**changes: Any) -> Usage:
    facts: dict[str, Any] = {
        "at": "2026-11-22T10:00:00Z", "action": "/query", "receiver": "idda", "system": "portal",
        "service": "person", "purpose": "my-data", "legal_basis": "ferdi-melumatlar-haqqinda",
        "case": "", "exchange": "e1", "leaf": None, "proof": (), "checkpoint": "",
    }  # fmt: skip
    return Usage(**{**facts, **changes})


@pytest.fixture
def registers(monkeypatch: pytest.MonkeyPatch) -> Registers:
    paper = Registers()
    for module in ("applications.opening", "applications.check", "window.data", "window.access"):
        monkeypatch.setattr(f"pencere.web.portal.{module}.gateway", lambda: paper)
    return paper


@pytest.mark.parametrize("address", PAGES)
def test_a_person_sees_their_pages_and_nobody_else_does(
    person: Person, sign_in: Callable[..., Client], registers: Registers, address: str
) -> None:
    inside, outside = sign_in(person).get(address), Client().get(address)

    assert (inside.status_code, outside.status_code) == (200, 302)


def test_a_register_in_the_middle_that_is_silent_keeps_what_was_typed(
    person: Person, sign_in: Callable[..., Client], registers: Registers
) -> None:
    browser = sign_in(person)
    registers.is_silent = True

    sorry = browser.get("/az/apply/residence-certificate/")
    registers.is_silent = False
    after = browser.get("/az/apply/residence-certificate/")

    assert sorry.status_code == 503
    assert "heç nə itməyib" in sorry.content.decode()
    assert "/question/presented_to/" in after.headers["location"]


def test_an_empty_answer_is_said_in_the_summary_and_beside_the_field(
    person: Person, sign_in: Callable[..., Client], registers: Registers
) -> None:
    browser = sign_in(person)
    page = browser.get("/az/apply/residence-certificate/").headers["location"]

    answer = browser.post(page, {})

    text = answer.content.decode()
    assert answer.status_code == 422
    assert 'href="#f-presented_to"' in text
    assert 'id="f-presented_to-error"' in text


def test_an_answer_leads_on_and_sending_twice_is_one_case(
    person: Person, sign_in: Callable[..., Client], registers: Registers
) -> None:
    browser = sign_in(person)
    page = browser.get("/az/apply/residence-certificate/").headers["location"]
    check = browser.post(page, {"presented_to": "bank"}).headers["location"]
    check = browser.get(check).headers.get("location", check)

    first, second = browser.post(check), browser.post(check)
    case = browser.get(first.headers["location"])

    assert "/cases/BPQMI-" in first.headers["location"]
    assert second.headers["location"].startswith(first.headers["location"].partition("?")[0])
    assert "Müraciətiniz qəbul edildi" in case.content.decode()


def test_what_the_system_decided_says_its_rule_its_law_and_what_the_register_said(
    person: Person, sign_in: Callable[..., Client], registers: Registers
) -> None:
    browser = sign_in(person)
    page = browser.get("/az/apply/residence-certificate/").headers["location"]
    check = browser.post(page, {"presented_to": "bank"}).headers["location"]
    check = browser.get(check).headers.get("location", check)
    address = browser.post(check).headers["location"].partition("?")[0]

    said = [
        browser.get(address.replace("/az/", f"/{one}/")).content.decode() for one in ("az", "en")
    ]

    assert "Bu qərar necə verildi" in said[0]
    for words in (
        "How this was decided", "A certificate is issued over a registration in force.",
        "Law on Registration at the Place of Residence and Stay",
        "version 1 of the record, in force since",
    ):  # fmt: skip
        assert words in said[1]


def test_another_persons_application_is_not_there(
    make_person: Callable[..., Person], sign_in: Callable[..., Client], registers: Registers
) -> None:
    page = sign_in(make_person()).get("/az/apply/residence-certificate/").headers["location"]

    assert sign_in(make_person("4LEYL82")).get(page).status_code == 404


def test_a_silent_register_is_said_where_the_list_would_be(
    person: Person, sign_in: Callable[..., Client], registers: Registers
) -> None:
    registers.is_silent = True

    page = sign_in(person).get("/az/window/access/")

    assert "hazırda cavab vermir" in page.content.decode()


@pytest.mark.parametrize(
    ("usage", "state"),
    [
        (a_usage(), "pending"),
        (a_usage(leaf={"entry": "{}", "index": None}), "pending"),
        (a_usage(leaf={"entry": "{}", "index": 0}, proof=("%%",), checkpoint="c"), "wrong"),
    ],
    ids=["no leaf", "no index", "not base64"],
)
def test_a_proof_that_is_not_there_is_not_called_good(usage: Usage, state: str) -> None:
    assert verdict_of(usage, "population").state == state


@pytest.mark.parametrize(("language", "word"), [("az", "daimi"), ("en", "permanent")])
def test_a_code_of_a_register_is_shown_in_its_words(language: str, word: str) -> None:
    kind = register("population/residence").fields["kind"]

    assert value_shown("permanent", language, kind) == word
    assert value_shown(["permanent", "other"], language, kind) == f"{word}, other"


def test_a_message_told_twice_is_one_and_counts_until_it_is_read(
    person: Person, sign_in: Callable[..., Client], registers: Registers, clock: Any
) -> None:
    text = Text("a", "b", "c")
    one, two = (
        inbox.tell(person=person, key="k", kind="case", title=text, text=text, at=clock.now())
        for _ in range(2)
    )
    before = inbox.unread(person)

    page = sign_in(person).get(f"/az/window/notices/{one.id}/")

    assert (one, before, page.status_code, inbox.unread(person)) == (two, 1, 200, 0)


def a_document(person: Person, clock: Any, status: str = "valid") -> IssuedDocument:
    return IssuedDocument.objects.create(
        code=uuid.uuid4().hex[:20].upper(), key=uuid.uuid4().hex, person=person, kind="s/d",
        name={"az": "Arayış", "en": "Certificate", "ru": "Справка"}, service="s", case="X-1",
        body="bpqmi", language="az", sha256=uuid.uuid4().bytes * 2, size_bytes=1,
        issued_at=clock.now(), status=status, status_at=clock.now(), leaf_hash=b"0" * 32,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("valid", "Sənəd həqiqidir və qüvvədədir"),
        ("superseded", "amma yenisi ilə əvəz olunub"),
        ("revoked", "Sənəd ləğv edilib"),
    ],
)
def test_a_code_says_whether_the_document_still_counts(
    person: Person, clock: Any, status: str, words: str
) -> None:
    document = a_document(person, clock, status)

    page = Client().get(f"/az/verify/{document.code}/").content.decode()

    assert words in page
    assert "Quliyeva" not in page


@pytest.mark.parametrize(("code", "status"), [("0" * 20, 404), ("abc", 422)])
def test_a_code_nobody_gave_is_red(db: None, code: str, status: int) -> None:
    assert Client().get(f"/az/verify/{code}/").status_code == status


def test_the_address_of_the_qr_leads_to_the_readers_language(db: None) -> None:
    answer = Client(headers={"accept-language": "ru"}).get("/v/" + "0" * 20)

    assert answer.headers["location"] == f"/ru/verify/{'0' * 20}/"


def test_only_its_owner_gets_a_document(
    make_person: Callable[..., Person], sign_in: Callable[..., Client], clock: Any
) -> None:
    document = a_document(make_person(), clock)

    page = sign_in(make_person("4LEYL82")).get(f"/az/documents/{document.code}/file.pdf")

    assert page.status_code == 404


def test_a_revoked_document_stays_revoked(person: Person, clock: Any) -> None:
    document = a_document(person, clock)

    issuing.revoke(code=document.code, reason="mistake", at=clock.now())
    again = issuing.revoke(code=document.code, reason="other", at=clock.now())

    assert (again.status, again.status_reason) == ("revoked", "mistake")
