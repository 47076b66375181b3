"""A running case moves to a newer version only where it goes on just as it stood."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest

from pencere.kernel.errors import Conflict
from pencere.kernel.working_days import WorkingCalendar
from pencere.services import machine
from pencere.services.case import Actor, Case, Event, Outcome
from pencere.services.migration import move
from pencere.services.model.common import Role
from pencere.services.model.definition import Definition

AT = datetime(2026, 11, 2, 6, tzinfo=UTC)
LATER = datetime(2026, 11, 4, 6, tzinfo=UTC)
AROUND: dict[str, Any] = {
    "at": AT,
    "context": {"applicant": {"fin": "A"}, "facts": {}, "answers": {"length": 5}},
    "calendar": WorkingCalendar(frozenset()),
}
OFFICER = Actor("O", frozenset({Role.OFFICER}))


@pytest.fixture
def opened(permit: Definition) -> Case:
    return machine.new_case(permit, number="N-1", applicant="A", **AROUND).case


@pytest.fixture
def review(permit: Definition, opened: Case) -> Case:
    return machine.record_check(
        permit, opened, "payment", Outcome.PASSED, expected_version=1, **AROUND
    ).case


def newer(permit: Definition, **changes: Any) -> Definition:
    return replace(permit, version=3, **changes)


def without(permit: Definition, state: str, **more: Any) -> MappingProxyType[str, Any]:
    return MappingProxyType({key: one for key, one in permit.states.items() if key != state} | more)


def renamed(permit: Definition) -> Definition:
    """The state `review` is called `desk` now."""
    return newer(
        permit, states=without(permit, "review", desk=replace(permit.states["review"], id="desk"))
    )


def test_it_goes_on_where_it_was_and_nothing_is_done_again(
    permit: Definition, review: Case
) -> None:
    moved = move(permit, newer(permit), review, at=LATER)

    assert moved.case == replace(review, definition_version=3, version=review.version + 1)
    assert moved.events == (
        Event("migrated", "review", LATER, facts={"from": 2, "to": 3, "state": "review"}),
    )
    assert moved.effects == ()


def test_where_a_state_has_another_name_one_says_which(permit: Definition, review: Case) -> None:
    with pytest.raises(Conflict) as caught:
        move(permit, renamed(permit), review, at=LATER)
    moved = move(permit, renamed(permit), review, at=LATER, states={"review": "desk"})

    assert (caught.value.code, moved.case.state) == ("migration.no_state", "desk")


def test_the_term_of_the_version_of_its_day_stays(permit: Definition, review: Case) -> None:
    short = newer(permit, term=replace(permit.term, length=1))

    assert move(permit, short, review, at=LATER).case.clock == review.clock


def proposed(permit: Definition, case: Case) -> Case:
    return machine.act(
        permit, case, "grant", by=OFFICER, expected_version=case.version, **AROUND
    ).case


def asked(permit: Definition, case: Case) -> Case:
    return machine.act(
        permit, case, "ask", by=OFFICER, expected_version=case.version, **AROUND
    ).case


def refused(permit: Definition, case: Case) -> Case:
    return machine.act(
        permit, case, "refuse", by=OFFICER, expected_version=case.version, reasons=("storm",),
        **AROUND,
    ).case  # fmt: skip


Made = Callable[[Definition, Case], Case]
Other = Callable[[Definition], Definition]


@pytest.mark.parametrize(
    ("made", "other", "code"),
    [
        (refused, newer, "migration.closed"),
        (proposed, newer, "migration.proposal_pending"),
        (lambda _, case: case, lambda permit: permit, "migration.not_newer"),
        (
            lambda _, case: case,
            lambda permit: newer(permit, service="rod-permit"),
            "migration.not_newer",
        ),
        (
            asked,
            lambda permit: newer(permit, questions=permit.questions[1:]),
            "migration.question_gone",
        ),
        (
            asked,
            lambda permit: newer(
                permit,
                states=without(
                    permit, "", waiting=replace(permit.states["waiting"], clock_stops=False)
                ),
            ),
            "migration.clock",
        ),
        (
            asked,
            lambda permit: newer(
                permit, states=without(permit, "", waiting=permit.states["granted"])
            ),
            "migration.final_state",
        ),
    ],
    ids=["closed", "proposed", "same", "another", "question", "clock", "final"],
)
def test_a_case_that_would_be_another_stays_with_the_reason(
    permit: Definition, review: Case, made: Made, other: Other, code: str
) -> None:
    with pytest.raises(Conflict) as caught:
        move(permit, other(permit), made(permit, review), at=LATER)

    assert caught.value.code == code


def test_while_checks_run_a_case_stays(permit: Definition, opened: Case) -> None:
    with pytest.raises(Conflict) as caught:
        move(permit, newer(permit), opened, at=LATER)

    assert caught.value.code == "migration.checks_running"
