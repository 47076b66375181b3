"""Applicant and body write to each other; nothing is lost, doubled, changed or overheard."""

import re
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import InternalError, ProgrammingError, connections, transaction
from django.test import Client
from django.urls import set_urlconf

from pencere.kernel.errors import Conflict, Invalid, Refused
from pencere.web.cases.domain import messages
from pencere.web.cases.models import Case, CaseMessage, CaseMessageRead
from pencere.web.notifications.models import Message
from pencere.web.people.models import Person

FORM = UUID("00000000-0000-4000-8000-00000000000a")
EVIL = "<script>alert(1)</script> 👩‍🚀 Əlavə\r\nsətir"


@pytest.fixture
def case(make_case: Any) -> Case:
    made: Case = make_case()
    return made


@pytest.fixture
def officer(make_officer: Any) -> Person:
    found: Person = make_officer()
    return found


@pytest.fixture
def desk(case: Case, officer: Person, sign_in: Callable[..., Client]) -> Client:
    client = sign_in(officer, ("dyp", "officer"))
    client.post(f"/en/cases/{case.number}/take/")
    return client


@pytest.fixture
def window(settings: Any, sign_in: Callable[..., Client]) -> Callable[[Person], Client]:
    """Give a browser at the portal; from then on the portal answers."""

    def at(person: Person) -> Client:
        settings.ROLE, settings.ROOT_URLCONF = "portal", "pencere.web.urls.portal"
        set_urlconf(None)
        return sign_in(person)

    return at


def place(case: Case) -> str:
    return f"/en/cases/{case.number}/messages/"


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def write(case: Case, author: Person, words: str = "Salam", **changes: Any) -> bool:
    given: dict[str, Any] = {"from_body": author.pk != case.person_id, "form": FORM}
    return messages.write(
        case=case, author=author, text=words, at=case.submitted_at, **given | changes
    )


def test_a_question_is_answered_and_each_side_sees_what_was_read(
    case: Case, desk: Client, officer: Person, window: Callable[[Person], Client]
) -> None:
    sent = {"text": EVIL, "form": str(FORM)}
    first, second = desk.post(place(case), sent), desk.post(place(case), sent)
    before = text(desk, place(case))
    browser = window(case.person)
    found = text(browser, f"/en/cases/{case.number}/")
    read = text(browser, place(case))
    browser.post(place(case), {"text": "Sağ olun", "form": str(FORM)})

    assert (first.status_code, second.status_code) == (302, 302)
    assert "not read yet" in before
    assert "Messages: 1 unread" in found
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in read
    assert "<script>alert" not in read
    assert [(one.text, one.from_body, one.read_at is not None) for one in
            messages.read(case=case, reader=officer, as_body=True, at=case.submitted_at)] == [
        ("<script>alert(1)</script> 👩🚀 Əlavə\nsətir", True, True),
        ("Sağ olun", False, True),
    ]  # fmt: skip
    assert [(one.person_id, one.subject) for one in
            Message.objects.filter(key__contains=":message:").order_by("key")] == [
        (case.person_id, case.number), (officer.pk, "")
    ]  # fmt: skip
    assert messages.unread(case=case, as_body=True) == 0
    assert CaseMessageRead.objects.count() == 2


def test_words_are_unreadable_in_the_database(case: Case, officer: Person) -> None:
    write(case, officer, "çox gizli söz")

    (sealed,) = CaseMessage.objects.values_list("text_sealed", flat=True)
    assert b"gizli" not in bytes(sealed)


@pytest.mark.parametrize("words", ["", " \n\t ", "x" * 4001, "\x00\x1b"])
def test_what_cannot_be_sent_comes_back_with_what_to_do(
    case: Case, desk: Client, words: str
) -> None:
    answer = desk.post(place(case), {"text": words, "form": str(FORM)})

    assert answer.status_code == 422
    assert 'href="#f-text"' in answer.content.decode()
    assert not CaseMessage.objects.exists()


def test_a_flood_ends_at_twenty_in_a_day(case: Case) -> None:
    for n in range(20):
        write(case, case.person, form=UUID(int=n))

    with pytest.raises(Invalid) as refusal:
        write(case, case.person, form=UUID(int=99))

    assert (refusal.value.code, CaseMessage.objects.count()) == ("message.too_many", 20)


def test_a_closed_case_takes_no_message_and_keeps_the_old_ones(case: Case, officer: Person) -> None:
    write(case, officer)
    Case.objects.filter(pk=case.pk).update(closed_at=case.submitted_at)

    assert write(case, officer) is False  # the same form once more
    with pytest.raises(Conflict):
        write(case, officer, form=UUID(int=7))
    assert CaseMessage.objects.count() == 1


def test_nobody_writes_in_the_name_of_the_other_side(case: Case, officer: Person) -> None:
    for author, from_body in ((officer, False), (case.person, True)):
        with pytest.raises(Refused):
            write(case, author, from_body=from_body)


def test_another_body_an_expert_and_another_person_stay_outside(
    case: Case, make_officer: Any, sign_in: Callable[..., Client],
    window: Callable[[Person], Client],
) -> None:  # fmt: skip
    stranger, expert, neighbour = make_officer("Vüqar"), make_officer("Anar"), make_officer("Elçin")
    other = sign_in(stranger, ("health", "officer"))
    reader = sign_in(expert, ("dyp", "expert"))
    sent = {"text": "Salam", "form": str(FORM)}

    found = [(one.get(place(case)).status_code, one.post(place(case), sent).status_code)
             for one in (other, reader)]  # fmt: skip
    outside = window(neighbour)
    found.append(
        (outside.get(place(case)).status_code, outside.post(place(case), sent).status_code)
    )

    assert found == [(404, 404), (200, 403), (404, 404)]
    assert not CaseMessage.objects.exists()


@pytest.mark.parametrize("change", ["update", "delete"])
def test_the_database_lets_nobody_change_a_message(
    case: Case, officer: Person, change: str
) -> None:
    write(case, officer)
    rows = CaseMessage.objects.filter(case=case)

    with pytest.raises((InternalError, ProgrammingError)), transaction.atomic():
        rows.update(body="x") if change == "update" else rows._raw_delete(rows.db)

    assert rows.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_twice_at_once_is_one_message(case: Case, officer: Person) -> None:
    ready, found = threading.Barrier(2), []

    def send() -> None:
        try:
            ready.wait()
            found.append(write(case, officer))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert sorted(found) == [False, True]
    assert Message.objects.filter(key__contains=":message:").count() == 1
