"""Deciding: once, on the page that was read, with grounds and words."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from pencere.kernel.clock import FixedClock
from pencere.web.cases.domain import acting, reading
from pencere.web.cases.models import Case, CaseEvent, Effect
from pencere.web.people.models import Person

BAN = {"decision": "2-114", "from": "2026-01-01", "until": "2027-01-01"}

SignIn = Callable[..., Client]
Desk = tuple[Client, Case, Person]


@pytest.fixture
def desk(make_case: Any, make_officer: Any, sign_in: SignIn) -> Desk:
    """A case that the officer has taken."""
    case, officer = make_case(), make_officer()
    client = sign_in(officer, ("dyp", "officer"))
    client.post(f"/az/cases/{case.number}/take/")
    case.refresh_from_db()
    return client, case, officer


def send(client: Client, case: Case, **fields: object) -> Any:
    sent = {"version": case.version, "action": "grant", **fields}
    return client.post(f"/az/cases/{case.number}/decide/", sent)


def acts(case: Case) -> list[tuple[str, str]]:
    found = CaseEvent.objects.filter(case=case, kind="acted")
    return [(event.action, event.state) for event in found]


def test_granting_closes_the_case_and_plans_what_follows(desk: Desk) -> None:
    client, case, officer = desk

    answer = send(client, case, comment="Hər şey qaydasındadır.")

    case.refresh_from_db()
    assert answer["Location"] == f"/az/cases/{case.number}/"
    assert (case.state, case.outcome, case.officer_id) == ("granted", "granted", officer.pk)
    assert [e.kind for e in Effect.objects.filter(case=case)] == ["write", "issue", "tell"]


def test_a_second_press_decides_nothing_twice_and_says_so(desk: Desk) -> None:
    client, case, _ = desk

    send(client, case)
    again = send(client, case)

    page = client.get(again["Location"]).content.decode()
    assert (acts(case), "artıq qeydə alınıb" in page) == ([("grant", "review")], True)
    assert Effect.objects.filter(case=case).count() == 3


def test_a_page_read_before_the_case_changed_decides_nothing_and_keeps_the_words(
    desk: Desk, applicant: Person
) -> None:
    client, case, _ = desk

    answer = send(client, case, version=case.version - 1, comment="Yazdığım söz")

    assert (answer.status_code, acts(case)) == (409, [])
    page = answer.content.decode()
    assert ("indicə dəyişib" in page, "Yazdığım söz" in page) == (True, True)
    assert f'name="version" value="{case.version}"' in page


def test_a_refusal_needs_a_ground_and_keeps_what_was_typed(desk: Desk) -> None:
    client, case, _ = desk

    answer = send(client, case, action="refuse", comment="Sənəd uyğun deyil")

    page = answer.content.decode()
    assert (answer.status_code, acts(case)) == (422, [])
    assert ('href="#f-reasons"' in page, "Sənəd uyğun deyil" in page) == (True, True)
    assert "<title>Səhv: " in page


def test_a_ground_the_law_does_not_name_is_none(desk: Desk) -> None:
    client, case, _ = desk

    answer = send(client, case, action="refuse", reasons=["because", "'; drop table cases_case"])

    assert (answer.status_code, acts(case)) == (422, [])


def test_a_mending_needs_a_word_to_the_applicant(desk: Desk) -> None:
    client, case, _ = desk

    answer = send(client, case, action="mend", comment=" \x00\r\n ")

    assert (answer.status_code, 'href="#f-comment"' in answer.content.decode()) == (422, True)


def test_a_comment_has_a_limit_and_is_not_lost(desk: Desk) -> None:
    client, case, _ = desk

    answer = send(client, case, action="mend", comment="ə" * 4001)

    assert (answer.status_code, "ə" * 4001 in answer.content.decode()) == (422, True)


@pytest.mark.parametrize(
    "comment",
    ["<script>alert(1)</script>", "{{ 7 * 7 }} {% raw %}", "\u202etərs\u0000\ud83d\ude00",
     "#import \"x\": *; $evil$", "a\r\nb"],
)  # fmt: skip
def test_words_are_shown_as_words(desk: Desk, comment: str) -> None:
    client, case, _ = desk

    send(client, case, action="mend", comment=comment.encode("utf-8", "replace").decode())

    page = client.get(f"/az/cases/{case.number}/").content.decode()
    case.refresh_from_db()
    assert (case.state, "<script>alert" in page, "\x00" in page) == ("mending", False, False)


@pytest.mark.parametrize("version", ["", "-1", "abc", "1e3", "\uff19", "9" * 5000, "None"])
def test_a_version_that_is_none_decides_nothing(desk: Desk, version: str) -> None:
    client, case, _ = desk

    answer = send(client, case, version=version)

    assert (answer.status_code, acts(case)) == (409, [])


@pytest.mark.parametrize("action", ["", "withdraw", "resubmit", "submit", "granted", "\x00", "'"])
def test_an_action_that_is_not_the_officers_is_not_done(desk: Desk, action: str) -> None:
    client, case, _ = desk

    sent = send(client, case, action=action)
    opened = client.get(f"/az/cases/{case.number}/decide/", {"action": action})

    assert (sent.status_code, opened.status_code, acts(case)) == (302, 302, [])


def test_an_applicants_action_is_not_done_by_an_officer(desk: Desk) -> None:
    client, case, _ = desk
    send(client, case, action="mend", comment="Şəkli dəyişin.")
    case.refresh_from_db()

    answers = [send(client, case, action=one).status_code for one in ("resubmit", "withdraw")]

    case.refresh_from_db()
    assert (answers, case.state) == ([302, 302], "mending")


def test_who_does_not_have_the_case_decides_nothing(
    desk: Desk, make_officer: Any, sign_in: SignIn
) -> None:
    _, case, _ = desk
    other = sign_in(make_officer("Nigar", "Həsənli"), ("dyp", "officer"))

    sent = send(other, case)
    opened = other.get(f"/az/cases/{case.number}/decide/?action=grant")

    assert (sent.status_code, opened.status_code, acts(case)) == (302, 302, [])


def test_a_case_nobody_has_is_taken_before_it_is_decided(
    make_case: Any, make_officer: Any, sign_in: SignIn
) -> None:
    case = make_case()
    client = sign_in(make_officer(), ("dyp", "officer"))

    answer = send(client, case)

    page = client.get(answer["Location"]).content.decode()
    assert (acts(case), "Əvvəlcə işi götürün." in page) == ([], True)


def test_who_is_disqualified_can_only_be_refused(desk: Desk, node: Any) -> None:
    client, case, _ = desk
    node.says("dyp/disqualification", **BAN)

    page = client.get(f"/az/cases/{case.number}/").content.decode()
    granted = send(client, case)

    assert ('value="grant"' in page, 'value="refuse"' in page) == (False, True)
    assert "mümkün deyil: Təmin et" in page
    assert (granted.status_code, acts(case)) == (403, [])


def test_a_ban_that_came_after_the_page_was_read_still_stops_the_grant(
    desk: Desk, node: Any
) -> None:
    client, case, _ = desk
    client.get(f"/az/cases/{case.number}/")
    node.says("dyp/disqualification", **BAN)

    answer = send(client, case, comment="Hazırdır")

    assert (answer.status_code, acts(case)) == (403, [])
    assert "yol vermir" in answer.content.decode()


def test_a_register_silent_at_the_decision_loses_no_word_and_decides_nothing(
    desk: Desk, node: Any
) -> None:
    client, case, _ = desk
    client.get(f"/az/cases/{case.number}/")
    node.silent = {"dyp/disqualification"}

    answer = send(client, case, action="refuse", reasons=["unfit"], comment="Arayış yoxdur")

    page = answer.content.decode()
    assert (answer.status_code, acts(case)) == (503, [])
    assert ("cavab vermir" in page, "Arayış yoxdur" in page) == (True, True)
    assert 'value="unfit" id="f-reasons-1" checked' in page or 'value="unfit" checked' in page
    node.silent = set()
    assert send(client, case, action="refuse", reasons=["unfit"]).status_code == 302
    assert acts(case) == [("refuse", "review")]


def test_a_decision_keeps_what_registers_said_at_that_moment(desk: Desk, node: Any) -> None:
    client, case, officer = desk

    send(client, case, action="refuse", reasons=["unfit"], comment="Arayış yoxdur")

    event = CaseEvent.objects.get(case=case, kind="acted")
    words = reading.words_of(event)
    assert (event.by_id, words["comment"]) == (officer.pk, "Arayış yoxdur")
    assert words["facts"]["values"] == {"bans": []}


def test_while_the_applicant_mends_the_clock_stands_and_then_goes_on(
    desk: Desk, applicant: Person, clock: FixedClock, sign_in: SignIn
) -> None:
    client, case, officer = desk
    send(client, case, action="mend", comment="Şəkli dəyişin.")
    standing = client.get(f"/az/cases/{case.number}/").content.decode()
    clock.advance(timedelta(days=4))
    case.refresh_from_db()
    opened = reading.open_case(case, at=clock.now())

    acting.resubmit(case=case, sender=applicant, action="resubmit", version=case.version,
                    answers={"photo": opened.answers["photo"]}, at=clock.now())  # fmt: skip

    going = sign_in(officer).get(f"/az/cases/{case.number}/").content.decode()
    case.refresh_from_db()
    assert ("20 noyabr 2026 tarixindən dayanıb" in standing, "son gün" in standing) == (True, False)
    assert "20 noyabr 2026 – 24 noyabr 2026 dayanmışdı" in going
    assert (case.state, str(case.due)) == ("review", "2026-11-25")


@pytest.mark.django_db(transaction=True)
def test_of_two_presses_at_once_one_counts(desk: Desk) -> None:
    client, case, _ = desk
    start = threading.Barrier(2)
    answers: list[int] = []

    def press() -> None:
        start.wait()
        answers.append(send(client, case).status_code)
        connections.close_all()

    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert acts(case) == [("grant", "review")]
    assert sorted(answers) in ([302, 302], [302, 409])
    assert Effect.objects.filter(case=case).count() == 3
