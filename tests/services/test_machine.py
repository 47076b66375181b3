"""The case machine: who may what, nothing twice, nothing impossible stored."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pencere.kernel.errors import Conflict, Invalid, PencereError, Refused
from pencere.kernel.working_days import WorkingCalendar
from pencere.services import machine
from pencere.services.case import Actor, Case, Outcome
from pencere.services.model.common import Role
from pencere.services.model.definition import Definition

AT = datetime(2026, 11, 2, 6, tzinfo=UTC)
AROUND: dict[str, Any] = {
    "at": AT,
    "context": {"applicant": {"fin": "A"}, "facts": {}, "answers": {"length": 5}},
    "calendar": WorkingCalendar(frozenset()),
}
LONG = "x" * 4001
OFFICER = Actor("O", frozenset({Role.OFFICER}))
SECOND = Actor("P", frozenset({Role.OFFICER}))


@pytest.fixture
def opened(permit: Definition) -> Case:
    return machine.new_case(permit, number="N-1", applicant="A", **AROUND).case


@pytest.fixture
def review(permit: Definition, opened: Case) -> Case:
    paid = machine.record_check(
        permit, opened, "payment", Outcome.PASSED, expected_version=1, **AROUND
    )
    return paid.case


def test_a_case_opens_with_the_checks_it_can_answer_itself(opened: Case) -> None:
    assert (opened.state, opened.version, dict(opened.checks)) == (
        "submitted",
        1,
        {"payment": Outcome.WAITING, "short": Outcome.PASSED},
    )
    assert opened.clock.due is None


def test_the_clock_starts_with_the_payment(review: Case) -> None:
    assert (review.state, str(review.clock.due)) == ("review", "2026-11-09")


def test_the_same_answer_of_a_check_twice_changes_nothing(permit: Definition, opened: Case) -> None:
    again = machine.record_check(
        permit, opened, "short", Outcome.PASSED, expected_version=1, **AROUND
    )

    assert (again.case, again.events, again.effects) == (opened, (), ())


def test_another_answer_of_a_check_is_a_conflict(permit: Definition, opened: Case) -> None:
    with pytest.raises(Conflict):
        machine.record_check(permit, opened, "short", Outcome.FAILED, expected_version=1, **AROUND)


def test_a_failed_check_waits_for_the_others_and_then_decides(
    permit: Definition, opened: Case
) -> None:
    failed = machine.record_check(
        permit, opened, "payment", Outcome.FAILED, expected_version=1, **AROUND
    )

    assert failed.case.state == "refused"
    assert [planned.key for planned in failed.effects] == ["N-1:2:money"]


@pytest.mark.parametrize(
    ("action", "by", "more", "code"),
    [
        ("grant", Actor("A", frozenset({Role.APPLICANT})), {}, "case.role"),
        ("grant", Actor("A", frozenset({Role.OFFICER})), {}, "case.own_case"),
        ("burn", OFFICER, {}, "case.action_unknown"),
        ("refuse", OFFICER, {}, "case.reason_required"),
        ("refuse", OFFICER, {"reasons": ("mood",)}, "case.reason_unknown"),
        ("refuse", OFFICER, {"reasons": ("storm",), "comment": LONG}, "case.comment_too_long"),
        ("grant", OFFICER, {"expected_version": 1}, "case.changed"),
    ],
)  # fmt: skip
def test_what_may_not_be_done_is_refused_with_its_reason(
    permit: Definition,
    review: Case,
    *,
    action: str,
    by: Actor,
    more: dict[str, Any],
    code: str,
) -> None:
    with pytest.raises(PencereError) as caught:
        machine.act(permit, review, action, by=by, **{"expected_version": 2, **AROUND, **more})

    assert caught.value.code == code


def test_four_eyes_are_of_two_people(permit: Definition, review: Case) -> None:
    proposed = machine.act(permit, review, "grant", by=OFFICER, expected_version=2, **AROUND).case

    assert (proposed.state, proposed.version) == ("review", 3)
    assert machine.available(permit, proposed, SECOND, AROUND["context"]) == ()
    with pytest.raises(PencereError):
        machine.confirm(permit, proposed, by=OFFICER, expected_version=3, **AROUND)
    with pytest.raises(PencereError):
        machine.confirm(permit, proposed, by=Actor("A", SECOND.roles), expected_version=3, **AROUND)
    granted = machine.confirm(permit, proposed, by=SECOND, expected_version=3, **AROUND)
    assert granted.case.state == "granted"
    assert granted.case.decision is not None
    assert (granted.case.decision.by, granted.case.decision.confirmed_by) == ("O", "P")


def test_what_a_head_proposes_another_head_confirms(permit: Definition, review: Case) -> None:
    state = permit.states["review"]
    by_head = replace(
        permit,
        states={
            **permit.states,
            "review": replace(
                state, actions=(replace(state.actions[0], by=Role.HEAD), *state.actions[1:])
            ),
        },
    )
    head = Actor("H", frozenset({Role.HEAD}))
    proposed = machine.act(by_head, review, "grant", by=head, expected_version=2, **AROUND).case

    with pytest.raises(Refused) as caught:
        machine.confirm(by_head, proposed, by=SECOND, expected_version=3, **AROUND)
    other = Actor("K", frozenset({Role.HEAD}))
    done = machine.confirm(by_head, proposed, by=other, expected_version=3, **AROUND)

    assert caught.value.facts == {"role": "head"}
    assert done.case.state == "granted"


def test_effects_have_keys_and_wait_for_what_they_use(permit: Definition, review: Case) -> None:
    proposed = machine.act(permit, review, "grant", by=OFFICER, expected_version=2, **AROUND).case
    granted = machine.confirm(permit, proposed, by=SECOND, expected_version=3, **AROUND)

    assert [(planned.key, planned.waits_for) for planned in granted.effects] == [
        ("N-1:3:permit", ()),
        ("N-1:3:paper", ("N-1:3:permit",)),
        ("N-1:3:told", ("N-1:3:paper",)),
    ]


def test_asking_the_applicant_stops_the_clock_and_names_the_questions(
    permit: Definition, review: Case
) -> None:
    asked = machine.act(permit, review, "ask", by=OFFICER, expected_version=2, **AROUND).case

    assert (asked.asked, asked.clock.is_paused) == (("length",), True)


def test_nothing_happens_before_its_time(permit: Definition, review: Case) -> None:
    assert machine.tick(permit, review, **AROUND) is None


def test_silence_of_the_body_means_what_the_law_says(permit: Definition, review: Case) -> None:
    later = {**AROUND, "at": AT + timedelta(days=8)}

    silent = machine.tick(permit, review, **later)

    assert silent is not None
    assert silent.case.state == "granted"
    assert silent.case.clock.was_kept is False


def test_a_stored_case_is_read_as_it_was(permit: Definition, review: Case) -> None:
    proposed = machine.act(permit, review, "grant", by=OFFICER, expected_version=2, **AROUND).case

    assert Case.from_mapping(permit, proposed.to_mapping()) == proposed


@pytest.mark.parametrize(
    "spoilt",
    [
        {"state": "nowhere"},
        {"checks": {"unknown": "passed"}},
        {"asked": ["unknown"]},
        {"clock": None},
        {"version": "one"},
        {"entered_at": "yesterday"},
    ],
)
def test_a_state_that_cannot_be_is_not_read(
    permit: Definition, review: Case, spoilt: dict[str, object]
) -> None:
    with pytest.raises(Invalid):
        Case.from_mapping(permit, {**review.to_mapping(), **spoilt})


def test_a_case_keeps_to_the_version_it_was_submitted_under(
    permit: Definition, review: Case
) -> None:
    newer = replace(permit, version=3)

    with pytest.raises(Conflict):
        machine.act(newer, review, "grant", by=OFFICER, expected_version=2, **AROUND)
    with pytest.raises(Conflict):
        Case.from_mapping(newer, review.to_mapping())
