"""What an applicant completed begins the term anew where the definition says so."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from pencere.kernel.errors import Misconfigured
from pencere.kernel.working_days import WorkingCalendar
from pencere.services import machine
from pencere.services.case import Actor, Case, Outcome
from pencere.services.definition import load
from pencere.services.lints import Surroundings, lint
from pencere.services.model.common import Role
from pencere.services.model.definition import Definition

MONDAY = datetime(2026, 11, 2, 6, tzinfo=UTC)
OFFICER = Actor("O", frozenset({Role.OFFICER}))
APPLICANT = Actor("A", frozenset({Role.APPLICANT}))
AROUND: dict[str, Any] = {
    "context": {"applicant": {"fin": "A"}, "facts": {}, "answers": {"length": 5}},
    "calendar": WorkingCalendar(frozenset()),
}
STANDS = "clock: stopped"
ANEW = "clock: restarts"
WARN = ("silence: accept,", "warn: 2, silence: accept,")


def on(day: int) -> datetime:
    return datetime(2026, 11, day, 6, tzinfo=UTC)


def asked(service: Definition, *, day: int) -> Case:
    """Paid for on Monday 2 November, due on Monday 9; asked to mend on this day."""
    opened = machine.new_case(service, number="N-1", applicant="A", at=MONDAY, **AROUND).case
    paid = machine.record_check(
        service, opened, "payment", Outcome.PASSED, at=MONDAY, expected_version=1, **AROUND
    ).case
    return machine.act(
        service, paid, "ask", by=OFFICER, at=on(day), expected_version=2, **AROUND
    ).case


def answered(service: Definition, case: Case, *, day: int) -> Any:
    return machine.act(
        service, case, "answer", by=APPLICANT, at=on(day), expected_version=3, **AROUND
    )


@pytest.mark.parametrize(
    ("word", "kind", "due"),
    [
        (STANDS, "clock_resumed", date(2026, 11, 11)),
        (ANEW, "clock_restarted", date(2026, 11, 12)),
    ],
)
def test_the_definition_says_whether_the_term_goes_on_or_begins_anew(
    spoilt: Any, word: str, kind: str, due: date
) -> None:
    service = load(spoilt(STANDS, word))

    step = answered(service, asked(service, day=4), day=5)

    (event,) = [one for one in step.events if one.kind.startswith("clock_")]
    assert (event.kind, event.facts["due"], step.case.clock.due) == (kind, due, due)
    assert step.case.clock.started == MONDAY.date()
    assert Case.from_mapping(service, step.case.to_mapping()) == step.case


@pytest.mark.parametrize(("day", "overdue"), [(11, False), (12, False), (13, True)])
def test_the_new_term_ends_with_its_own_last_day(spoilt: Any, day: int, overdue: bool) -> None:
    service = load(spoilt(STANDS, ANEW))
    case = answered(service, asked(service, day=4), day=5).case

    ticked = machine.tick(service, case, at=on(day), **AROUND)

    assert (case.clock.is_overdue(on(day).date()), ticked is not None) == (overdue, overdue)


def test_whoever_is_late_wins_nothing_by_asking(spoilt: Any) -> None:
    service = load(spoilt(STANDS, ANEW))
    step = answered(service, asked(service, day=10), day=11)

    assert step.case.clock.due == date(2026, 11, 9)
    assert step.case.clock.is_overdue(on(11).date())


def test_a_state_where_nobody_answers_cannot_begin_the_term_anew(
    spoilt: Any, island: Surroundings
) -> None:
    text = "answer: {name: {az: Cavab, en: Answer, ru: Ответ}, by: applicant"
    folder = spoilt(text, text.replace("applicant", "officer"))
    file = folder / "service.yaml"
    file.write_text(file.read_text("utf-8").replace(STANDS, ANEW), "utf-8")

    keys = [finding.key for finding in lint(load(folder), island)]

    assert "case.states.waiting.clock" in keys


@pytest.mark.parametrize(("days", "found"), [(1, False), (4, False), (5, True), (60, True)])
def test_a_reminder_comes_before_the_last_day(
    spoilt: Any, island: Surroundings, days: int, found: bool
) -> None:
    service = load(spoilt(WARN[0], f"warn: {days}, silence: accept,"))

    keys = [finding.key for finding in lint(service, island)]

    assert (service.term.warn, "term.warn" in keys) == (days, found)


@pytest.mark.parametrize("wrong", ["warn: 0,", "warn: 61,", "warn: soon,"])
def test_no_other_word_is_a_reminder(spoilt: Any, wrong: str) -> None:
    folder = spoilt(WARN[0], f"{wrong} silence: accept,")

    with pytest.raises(Misconfigured):
        load(folder)
