"""One answer a case, apart from who gave it; figures only of many."""

import re
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from html import unescape

import pytest
from django.db import connections
from django.test import Client

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Conflict, Invalid
from pencere.web.cases.models import Case
from pencere.web.people.models import Person
from pencere.web.satisfaction.domain import answering, figures
from pencere.web.satisfaction.models import Answer, Asked

SERVICE = "residence-certificate"


@pytest.fixture(autouse=True)
def _counted_anew() -> Iterator[None]:
    figures.forget_figures()
    yield
    figures.forget_figures()


def closed(person: Person, at: datetime, *, n: int = 1, outcome: str = "granted") -> Case:
    return Case.objects.create(
        number=f"BPQMI-2026-{n:06d}", person=person, service=SERVICE, definition_version=1,
        definition_sha256="", body="bpqmi", language="az", machine_sealed=b"", version=1,
        state="issued", outcome=outcome, application_sealed=b"", application_sha256=b"",
        leaf_hash=b"", submitted_at=at - timedelta(hours=1), closed_at=at if outcome else None,
    )  # fmt: skip


@pytest.fixture
def case(person: Person, clock: FixedClock) -> Case:
    return closed(person, clock.now())


def place(case: Case) -> str:
    return f"/en/cases/{case.number}/satisfied/"


def test_an_answer_is_kept_once_and_says_nothing_of_who_gave_it(
    case: Case, person: Person, sign_in: Callable[..., Client]
) -> None:
    browser = sign_in(person)

    page = browser.get(place(case))
    sent = [browser.post(place(case), {"score": "4", "comment": " Tez \n oldu "}) for _ in range(2)]
    again = browser.get(place(case))

    assert (page.status_code, [one.status_code for one in sent], again.status_code) == (
        200, [302, 302], 302,
    )  # fmt: skip
    kept = Answer.objects.get()
    assert (kept.service, kept.body, str(kept.month), kept.score, kept.comment) == (
        SERVICE, "bpqmi", "2026-11-01", 4, "Tez oldu",
    )  # fmt: skip
    assert case.number.encode() not in bytes(Asked.objects.get().id)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, "Choose one answer"),
        ({"score": "6"}, "Choose one answer"),
        ({"score": "4' or 1=1"}, "Choose one answer"),
        ({"score": "5", "comment": "x" * 501}, "longer than 500"),
    ],
)
def test_what_cannot_be_taken_is_said_and_kept_on_the_page(
    case: Case, person: Person, sign_in: Callable[..., Client], sent: dict[str, str], said: str
) -> None:
    answer = sign_in(person).post(place(case), sent)

    assert (answer.status_code, said in answer.content.decode()) == (422, True)
    assert sent.get("comment", "") in answer.content.decode()
    assert Answer.objects.count() == 0


@pytest.mark.parametrize("outcome", ["", "withdrawn", "lapsed"])
def test_only_what_was_decided_is_asked_about(
    person: Person, clock: FixedClock, sign_in: Callable[..., Client], outcome: str
) -> None:
    case = closed(person, clock.now(), outcome=outcome)

    answers = [sign_in(person).get(place(case)), sign_in(person).post(place(case), {"score": "5"})]

    assert [one.status_code for one in answers] == [302, 302]
    assert Answer.objects.count() == 0


def test_another_persons_case_is_not_there(
    case: Case, make_person: Callable[..., Person], sign_in: Callable[..., Client]
) -> None:
    stranger = sign_in(make_person("4LEYL82"))

    answers = [stranger.get(place(case)), stranger.post(place(case), {"score": "1"})]

    assert ([one.status_code for one in answers], Answer.objects.count()) == ([404, 404], 0)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_are_one(person: Person, clock: FixedClock) -> None:
    case, at, said = closed(person, clock.now()), clock.now(), []
    gate = threading.Barrier(2)

    def give() -> None:
        gate.wait()
        try:
            answering.answer(case=case, score=5, comment="", at=at)
            said.append("kept")
        except Conflict as refusal:
            said.append(refusal.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=give) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (sorted(said), Answer.objects.count()) == (["kept", "satisfaction.answered"], 1)


def test_a_score_outside_the_scale_is_refused(case: Case, clock: FixedClock) -> None:
    with pytest.raises(Invalid):
        answering.answer(case=case, score=0, comment="", at=clock.now())


@pytest.mark.parametrize(("answers", "shown"), [(19, []), (20, ["4.5 of 5", "20 answers"])])
def test_the_page_of_a_service_says_it_from_twenty_answers_on(
    db: None, clock: FixedClock, answers: int, shown: list[str]
) -> None:
    for n in range(answers):
        Answer.objects.create(service=SERVICE, body="bpqmi", month="2026-11-01", score=4 + n % 2)

    page = Client().get(f"/en/services/{SERVICE}/?fresh=1").content.decode()
    text = " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())

    assert [words in text for words in ("4.5 of 5", "20 answers")] == [bool(shown)] * 2


def test_old_answers_count_no_more(db: None, clock: FixedClock) -> None:
    for _ in range(20):
        Answer.objects.create(service=SERVICE, body="bpqmi", month="2025-10-01", score=1)

    assert figures.figure_of(SERVICE, today=clock.now().date()) is None
