"""The authors' pages of versions: what changes, and moving running cases with a second person."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from tests.web.newer_service import SERVICE, newer_country

from pencere.countries import Country
from pencere.kernel.clock import local_date
from pencere.web.cases.domain import definitions, migrating
from pencere.web.cases.models import Case, Effect, VersionMove
from pencere.web.catalogue.domain import searches

__all__ = ["newer_country"]
PAGE = f"/en/services/{SERVICE}/"
CHANGES = f"{PAGE}1/2/"


@pytest.fixture
def case(make_case: Any, newer_country: Country, monkeypatch: pytest.MonkeyPatch) -> Case:
    made: Case = make_case()
    monkeypatch.setattr(definitions, "country", lambda: newer_country)
    Effect.objects.filter(case=made).update(status="done")
    return made


@pytest.fixture
def editor(make_officer: Any, sign_in: Callable[..., Client]) -> Client:
    return sign_in(make_officer("Nigar"), ("idda", "catalogue-editor"))


@pytest.fixture
def head(make_officer: Any, sign_in: Callable[..., Client]) -> Client:
    return sign_in(make_officer("Gülnar"), ("dyp", "unit-head"))


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def test_an_editor_prepares_a_head_approves_and_the_case_goes_on(
    case: Case, editor: Client, head: Client
) -> None:
    versions, changes = text(editor, PAGE), text(editor, CHANGES)
    sent = editor.post(CHANGES, {"state-review": "desk", "reason": "The law of 20 November."})
    move = VersionMove.objects.get()
    place = f"/en/services/moves/{move.pk}/"
    trial = text(editor, place)
    by_editor = editor.post(f"{place}approve/")
    approved = head.post(f"{place}approve/")
    migrating.carry_out(move_id=move.pk, at=settings.CLOCK.now())
    done = text(head, place)

    case.refresh_from_db()
    assert CHANGES in versions
    assert "case.states.review" in changes
    assert "Where does “Under review” go?" in changes
    assert (sent.status_code, sent["Location"]) == (302, place)
    assert "This is a trial" in trial
    assert "A head of a unit" in trial
    assert by_editor.status_code == 403
    assert (approved.status_code, case.state, case.definition_version) == (302, "desk", 2)
    assert "finished" in done
    assert "The law of 20 November." in done


def test_the_history_of_a_moved_case_is_told_in_the_words_of_its_days(
    case: Case, editor: Client, head: Client, make_officer: Any, sign_in: Callable[..., Client]
) -> None:
    editor.post(CHANGES, {"state-review": "desk", "reason": "New law."})
    move = VersionMove.objects.get()
    head.post(f"/en/services/moves/{move.pk}/approve/")
    migrating.carry_out(move_id=move.pk, at=settings.CLOCK.now())
    officer = sign_in(make_officer(), ("dyp", "officer"))

    page = text(officer, f"/en/cases/{case.number}/")

    assert "The case moved to a newer version of the service" in page
    assert "State: Under review" in page
    assert "State: review" not in page


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"reason": ""}, "Write the reason"),
        ({"reason": "x", "state-review": "granted"}, "Choose a place from the list"),
        ({"reason": "\x00<b>", "state-review": "../../x"}, "Choose a place from the list"),
    ],
)
def test_a_form_that_is_wrong_comes_back_with_what_was_typed(
    case: Case, editor: Client, form: dict[str, str], said: str
) -> None:
    answer = editor.post(CHANGES, form)

    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert not VersionMove.objects.exists()


def test_a_second_click_prepares_nothing_twice(case: Case, editor: Client) -> None:
    form = {"reason": "x", "state-review": "desk"}
    first, second = editor.post(CHANGES, form), editor.post(CHANGES, form)

    assert (first.status_code, second.status_code) == (302, 400)
    assert VersionMove.objects.count() == 1


def test_who_gives_up_is_who_prepared(case: Case, editor: Client, head: Client) -> None:
    editor.post(CHANGES, {"reason": "x", "state-review": "desk"})
    place = f"/en/services/moves/{VersionMove.objects.get().pk}/"

    by_head = head.post(f"{place}drop/")
    by_editor = editor.post(f"{place}drop/")
    late = head.post(f"{place}approve/")

    assert (by_head.status_code, by_editor.status_code, late.status_code) == (403, 302, 409)


@pytest.mark.parametrize(
    "path",
    [
        "/en/services/no-such/", f"{PAGE}2/1/", f"{PAGE}1/9/", f"{PAGE}1/99999999999/",
        "/en/services/moves/00000000-0000-4000-8000-000000000000/",
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_so(case: Case, editor: Client, path: str) -> None:
    assert editor.get(path).status_code == 404


def test_an_officer_who_is_no_head_does_not_see_it(
    case: Case, make_officer: Any, sign_in: Callable[..., Client]
) -> None:
    officer = sign_in(make_officer(), ("dyp", "officer"))

    assert [officer.get(path).status_code for path in (PAGE, CHANGES)] == [403, 403]


def test_editors_read_what_people_search_for_in_vain(editor: Client) -> None:
    today = local_date(settings.CLOCK.now())
    none = text(editor, "/en/services/")
    for words in ("qoşa ulduz", "qoşa ulduz", "zzz <b>"):
        searches.note_missed(words, "az", on=today)
    searches.note_missed("köhnə söz", "ru", on=today - timedelta(days=30))
    searches.note_missed("5ABC123", "az", on=today)

    page = text(editor, "/en/services/")

    assert "every search found something" in none
    assert re.findall(
        r'<th scope="row">([^<]+)</th><td>([^<]+)</td><td class="number">(\d+)', page
    ) == [("qoşa ulduz", "Azerbaijani", "2")]
    assert "5ABC123" not in page
