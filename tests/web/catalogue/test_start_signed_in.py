"""The first page of someone who is here: what was begun, what waits, what has become ready."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client

from pencere.kernel.clock import FixedClock
from pencere.kernel.text import Text
from pencere.web.cases.domain import drafts
from pencere.web.cases.models import Case
from pencere.web.issued.models import IssuedDocument
from pencere.web.people.domain import sessions
from pencere.web.people.models import Person

pytestmark = pytest.mark.django_db

SERVICE = "driving-licence-replace"


def errands(browser: Client, language: str = "az") -> list[str]:
    """Return the texts of the cards above the life events."""
    page = browser.get(f"/{language}/").content.decode()
    cards = re.findall(r'<div class="card waiting">(.*?)</div>', page, re.DOTALL)
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", card)).split()) for card in cards]


def make_case(person: Person, clock: FixedClock, **changes: object) -> Case:
    facts: dict[str, object] = {
        "number": "DYP-2026-000001", "person": person, "service": SERVICE,
        "definition_version": 1, "definition_sha256": "", "body": "dyp", "language": "az",
        "machine_sealed": b"", "version": 1, "state": "mending", "waits_for_applicant": True,
        "application_sealed": b"", "application_sha256": b"", "leaf_hash": b"",
        "submitted_at": clock.now(),
    }  # fmt: skip
    return Case.objects.create(**{**facts, **changes})


def make_document(person: Person, clock: FixedClock) -> IssuedDocument:
    return IssuedDocument.objects.create(
        code="23456789ABCDEFGHJKLM", key="k", person=person, kind="driving-licence",
        name=Text("Vəsiqə", "Licence", "Удостоверение").as_mapping(), service=SERVICE,
        case="DYP-2026-000001", body="dyp", language="az", sha256=b"x" * 32, size_bytes=1,
        issued_at=clock.now(), status_at=clock.now(), leaf_hash=b"",
    )  # fmt: skip


def test_who_has_nothing_to_do_is_told_so(person: Person, sign_in: Callable[..., Client]) -> None:
    page = sign_in(person).get("/az/").content.decode()

    assert "Sizi gözləyən iş yoxdur." in page
    assert "Salam, Aydan" in page


def test_a_draft_can_be_gone_on_with(
    person: Person, clock: FixedClock, sign_in: Callable[..., Client]
) -> None:
    draft = drafts.start_draft(person=person, service=SERVICE, at=clock.now())
    browser = sign_in(person)

    (said,) = errands(browser)

    assert said.startswith("Davam edin Sürücülük vəsiqəsinin dəyişdirilməsi Saxlanılıb:")
    assert f'href="/az/apply/draft/{draft.id}/"' in browser.get("/az/").content.decode() or (
        str(draft.id) in browser.get("/az/").content.decode()
    )


def test_a_case_that_waits_for_the_person_stands_before_drafts(
    person: Person, clock: FixedClock, sign_in: Callable[..., Client]
) -> None:
    drafts.start_draft(person=person, service=SERVICE, at=clock.now())
    make_case(person, clock)

    said = errands(sign_in(person), "en")

    assert [one.split(" Replacing")[0] for one in said] == ["Waiting for you", "Continue"]


def test_a_document_is_shown_once_ready_and_not_at_the_next_visit(
    person: Person, clock: FixedClock, sign_in: Callable[..., Client]
) -> None:
    sessions.begin(person=person, assurance="high", device="Firefox", at=clock.now())
    clock.advance(timedelta(hours=1))
    make_document(person, clock)
    clock.advance(timedelta(hours=1))
    first = errands(sign_in(person), "en")
    clock.advance(timedelta(hours=1))
    second = errands(sign_in(person), "en")

    assert len(first) == 1
    assert first[0].startswith("Waiting for you Licence The document is ready:")
    assert second == []


def test_another_persons_things_are_not_there(
    make_person: Callable[..., Person], clock: FixedClock, sign_in: Callable[..., Client]
) -> None:
    owner, other = make_person(), make_person("4LEYL82", "Leyla", "Məmmədova")
    browser = sign_in(other)
    drafts.start_draft(person=owner, service=SERVICE, at=clock.now())
    make_case(owner, clock)
    clock.advance(timedelta(minutes=1))
    make_document(owner, clock)

    assert errands(browser) == []
