"""Deciding many cases: each by the usual rules, one confirmation, nothing twice."""

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.test import Client

from pencere.web.cases.domain import batches, definitions, reading
from pencere.web.cases.domain.sealing import seal
from pencere.web.cases.models import Batch, BatchLine, Case, CaseEvent, Effect
from pencere.web.people.models import Person

BAN = {"decision": "2-114", "from": "2026-01-01", "until": "2027-01-01"}
GROUND = {"action": "refuse", "reasons": ["unfit"], "comment": "Arayış\nyoxdur"}

SignIn = Callable[..., Client]
Desk = tuple[Client, list[Case], Person]


@pytest.fixture
def desk(make_case: Any, make_officer: Any, sign_in: SignIn) -> Desk:
    """Three cases that the officer has taken."""
    cases, officer = [make_case() for _ in range(3)], make_officer()
    client = sign_in(officer, ("dyp", "officer"))
    for case in cases:
        client.post(f"/az/cases/{case.number}/take/")
        case.refresh_from_db()
    return client, cases, officer


def marks(cases: list[Case]) -> list[str]:
    return [f"{case.number}~{case.version}" for case in cases]


def confirmation(client: Client, cases: list[Case], **fields: Any) -> dict[str, Any]:
    """Open the confirmation page and return what its form sends."""
    page = client.post("/az/batch/", {"case": marks(cases), "comment": "", **fields})
    told = page.content.decode()
    assert page.status_code == 200, told
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', told)
    sent: dict[str, Any] = {"case": [], "reasons": []}
    for name, value in found:
        if name in {"case", "reasons"}:
            sent[name].append(value)
        elif name != "csrfmiddlewaretoken":
            sent[name] = value
    return sent


def acts(case: Case) -> list[tuple[str, str]]:
    found = CaseEvent.objects.filter(case=case, kind="acted")
    return [(event.action, str(event.facts.get("batch", ""))) for event in found]


def lines() -> dict[str, str]:
    return dict(BatchLine.objects.values_list("number", "refusal"))


def test_marked_cases_are_refused_alike_with_grounds_and_words(desk: Desk) -> None:
    client, cases, officer = desk
    queue = client.get("/az/?show=mine").content.decode()
    chosen = client.get("/az/batch/", {"case": marks(cases)}).content.decode()

    sent = confirmation(client, cases, **GROUND)
    answer = client.post("/az/batch/decide/", sent)

    batch = Batch.objects.get()
    page = client.get(answer["Location"]).content.decode()
    events = CaseEvent.objects.filter(kind="acted").select_related("case")
    assert all(f'value="{mark}"' in queue for mark in marks(cases))
    assert ('value="refuse"' in chosen, 'value="withdraw"' in chosen) == (True, False)
    assert [acts(case) for case in cases] == [[("refuse", str(batch.id))]] * 3
    assert {reading.words_of(event)["comment"] for event in events} == {"Arayış\nyoxdur"}
    assert (batch.officer, batch.reasons, lines()) == (
        officer, ["unfit"], {case.number: "" for case in cases}
    )  # fmt: skip
    assert page.count("qərar verildi<") == 3


def test_a_second_press_decides_nothing_twice(desk: Desk) -> None:
    client, cases, _ = desk
    sent = confirmation(client, cases, action="grant")

    first = client.post("/az/batch/decide/", sent)
    again = client.post("/az/batch/decide/", sent)

    assert first["Location"] == again["Location"]
    assert [len(acts(case)) for case in cases] == [1, 1, 1]
    assert (Batch.objects.count(), BatchLine.objects.count(), Effect.objects.count()) == (1, 3, 9)


def test_cases_lost_changed_or_closed_to_the_action_are_left_out_and_said_so(
    desk: Desk, node: Any, make_officer: Any, sign_in: SignIn
) -> None:
    client, (mine, changed, lost), _ = desk
    colleague = make_officer("Nigar", "Həsənli")
    Case.objects.filter(pk=lost.pk).update(officer=colleague)
    changed.version += 5

    sent = confirmation(client, [mine, changed, lost], action="grant")

    assert sent["case"] == marks([mine])


def test_one_that_changes_after_the_confirmation_page_stops_only_itself(
    desk: Desk, make_officer: Any
) -> None:
    client, cases, _ = desk
    sent = confirmation(client, cases, action="grant")
    Case.objects.filter(pk=cases[0].pk).update(officer=make_officer("Nigar", "Həsənli"))
    refuse = {"version": cases[1].version, "action": "refuse", "reasons": ["unfit"]}
    client.post(f"/az/cases/{cases[1].number}/decide/", refuse)

    answer = client.post("/az/batch/decide/", sent)

    codes = [lines()[case.number] for case in cases]
    page = client.get(answer["Location"]).content.decode()
    assert codes == ["batch.not-mine", "case.changed", ""]
    assert [len(acts(case)) for case in cases] == [0, 1, 1]
    assert ("Bu iş artıq Sizdə deyil." in page, "Bu iş indicə dəyişib." in page) == (True, True)


def test_a_ban_that_came_after_the_confirmation_stops_the_grant(desk: Desk, node: Any) -> None:
    client, cases, _ = desk
    sent = confirmation(client, cases, action="grant")
    node.says("dyp/disqualification", **BAN)

    client.post("/az/batch/decide/", sent)

    assert set(lines().values()) == {"case.action_not_now"}
    assert [acts(case) for case in cases] == [[], [], []]


def test_while_a_register_is_silent_nothing_is_decided_and_the_page_says_it(
    desk: Desk, node: Any
) -> None:
    client, cases, _ = desk
    node.silent = {"dyp/disqualification"}

    page = client.post(
        "/az/batch/", {"case": marks(cases), "action": "grant", "comment": ""}
    ).content.decode()

    assert page.count("cavab vermir") == 3
    assert 'action="/az/batch/decide/"' not in page


def test_a_refusal_without_a_ground_is_asked_for_it(desk: Desk) -> None:
    client, cases, _ = desk
    sent = {"case": marks(cases), "action": "refuse", "comment": "Söz", "reasons": ["because"]}

    answer = client.post("/az/batch/", sent)
    forged = client.post(
        "/az/batch/decide/", {**sent, "batch": "00000000-0000-4000-8000-000000000001"}
    )

    assert (answer.status_code, "Söz" in answer.content.decode()) == (422, True)
    assert (forged["Location"], Batch.objects.count()) == ("/az/", 0)


@pytest.mark.parametrize(
    "case",
    ["", "x", "DYP-2026-000001", "DYP-2026-000001~", "DYP-2026-000001~-1", "~1",
     "\x00\x00\x00\x00\x00~1", "DYP-2026-000001~99999999999",
     "'; drop table cases_case~1", "DYP-2026-999999~1"],
)  # fmt: skip
def test_marks_that_are_none_lead_back_to_the_queue(desk: Desk, case: str) -> None:
    client, _, _ = desk

    opened = client.get("/az/batch/", {"case": case})
    sent = client.post("/az/batch/", {"case": case, "action": "grant", "comment": ""})

    assert (opened.status_code, sent.status_code) == (302, 302)
    assert (opened["Location"], Batch.objects.count()) == ("/az/", 0)


def test_more_than_a_hundred_are_too_many(desk: Desk) -> None:
    client = desk[0]
    many = [f"DYP-2026-{n:06d}~1" for n in range(batches.LIMIT + 1)]

    answer = client.get("/az/batch/", {"case": many})

    page = client.get(answer["Location"]).content.decode()
    assert "Ən çoxu 100 iş seçin." in page


def test_another_officers_batch_and_body_are_not_there(
    desk: Desk, make_officer: Any, sign_in: SignIn
) -> None:
    client, cases, _ = desk
    sent = confirmation(client, cases, action="grant")
    address = client.post("/az/batch/decide/", sent)["Location"]
    colleague = sign_in(make_officer("Nigar", "Həsənli"), ("dyp", "officer"))
    stranger = sign_in(make_officer("Orxan", "Məmmədov"), ("bpqmi", "officer"))

    read = colleague.get(address).status_code
    taken = colleague.post("/az/batch/decide/", sent)
    other = stranger.get("/az/batch/", {"case": marks(cases)})

    assert (read, taken.status_code, other["Location"]) == (404, 302, "/az/")
    assert Batch.objects.count() == 1


def test_ones_own_application_is_left_out(desk: Desk, applicant: Person, sign_in: SignIn) -> None:
    _, cases, _ = desk
    Case.objects.filter(pk=cases[0].pk).update(officer=applicant)
    own = sign_in(applicant, ("dyp", "officer"))

    page = own.post(
        "/az/batch/", {"case": marks(cases[:1]), "action": "grant", "comment": ""}
    ).content.decode()

    assert ("öz müraciətinizdir" in page, "batch/decide" in page) == (True, False)


def test_what_a_second_officer_must_confirm_is_not_for_many(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, cases, _ = desk
    sent = confirmation(client, cases[:1], action="grant")
    definition = definitions.pinned(cases[0])
    state = definition.states["review"]
    stricter = tuple(replace(one, four_eyes=one.id == "grant") for one in state.actions)
    states = {**definition.states, "review": replace(state, actions=stricter)}
    monkeypatch.setattr(definitions, "pinned", lambda _: replace(definition, states=states))

    page = client.get("/az/batch/", {"case": marks(cases)}).content.decode()
    answer = client.post("/az/batch/decide/", sent)

    assert ('value="grant"' in page, 'value="refuse"' in page) == (False, True)
    assert (answer["Location"], acts(cases[0])) == ("/az/", [])


def test_an_expert_is_offered_nothing(desk: Desk, make_officer: Any, sign_in: SignIn) -> None:
    _, cases, _ = desk
    expert = sign_in(make_officer("Orxan", "Məmmədov"), ("dyp", "expert"))

    page = expert.get("/az/batch/", {"case": marks(cases)}).content.decode()

    assert ("birlikdə edilə bilən əməliyyat yoxdur" in page, "radio" in page) == (True, False)


def test_an_interrupted_batch_goes_on_where_it_stopped(desk: Desk, clock: Any) -> None:
    client, cases, _ = desk
    sent = confirmation(client, cases, action="grant")
    batch = Batch.objects.create(
        id=sent["batch"], officer=desk[2], at=clock.now(), service=cases[0].service,
        state=cases[0].state, action="grant", reasons=[],
        chosen=[[case.number, case.version] for case in cases],
        comment_sealed=seal("", UUID(sent["batch"]).bytes),
    )  # fmt: skip
    BatchLine.objects.create(
        batch=batch, number=cases[0].number, at=clock.now(), refusal="case.taken"
    )

    before = client.get(f"/az/batch/{batch.id}/").content.decode()
    client.post("/az/batch/decide/", {"batch": str(batch.id)})

    assert before.count("hələ növbə çatmayıb") == 2
    assert [len(acts(case)) for case in cases] == [0, 1, 1]


def test_the_auditor_reads_which_batch_a_decision_was_of(
    desk: Desk, make_officer: Any, sign_in: SignIn
) -> None:
    client, cases, _ = desk
    client.post("/az/batch/decide/", confirmation(client, cases, action="grant"))
    auditor = sign_in(make_officer("Leyla", "Abbasova"), ("rinn", "auditor"))

    page = auditor.get(f"/az/audit/?number={cases[0].number}").content.decode()

    assert f"toplu qərar {Batch.objects.get().id}" in page


@pytest.mark.django_db(transaction=True)
def test_of_two_confirmations_at_once_each_case_is_decided_once(desk: Desk) -> None:
    client, cases, _ = desk
    sent, start = confirmation(client, cases, action="grant"), threading.Barrier(2)
    answers: list[int] = []

    def press() -> None:
        start.wait()
        answers.append(client.post("/az/batch/decide/", sent).status_code)
        connections.close_all()

    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [302, 302]
    assert [len(acts(case)) for case in cases] == [1, 1, 1]
    assert lines() == {case.number: "" for case in cases}
