"""Lengthening a term: the day before its end, the day, the day after; by whom, how often, why."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pencere.kernel.errors import Conflict, Invalid, PencereError, Refused
from pencere.kernel.working_days import WorkingCalendar
from pencere.services import machine
from pencere.services.case import Actor, Case, Outcome
from pencere.services.clock import LegalClock
from pencere.services.definition import load
from pencere.services.extending import extend, may_extend
from pencere.services.lints import Surroundings, lint
from pencere.services.model.common import Role, TermUnit
from pencere.services.model.definition import Definition

MONDAY = datetime(2026, 11, 2, 6, tzinfo=UTC)
CALENDAR = WorkingCalendar(frozenset())
TERM = "term: {working_days: 5, from: paid, silence: accept, silence_to: granted}"
LONGER = (
    f"{TERM[:-1]}, extend: {{working_days: 3, times: 1, by: head,"
    " reasons: [{id: storm, act: sea-act, text: {az: Tufan, en: Storm, ru: Шторм}}]}}"
)  # fmt: skip
HEAD = Actor("H", frozenset({Role.HEAD, Role.OFFICER}))
OFFICER = Actor("O", frozenset({Role.OFFICER}))
AROUND: dict[str, Any] = {
    "context": {"applicant": {"fin": "A"}, "facts": {}, "answers": {"length": 5}},
    "calendar": CALENDAR,
}


@pytest.fixture
def folder(spoilt: Any) -> Path:
    found: Path = spoilt(TERM, LONGER)
    return found


@pytest.fixture
def service(folder: Path) -> Definition:
    return load(folder)


@pytest.fixture
def case(service: Definition) -> Case:
    """Paid for on Monday 2 November: due on Monday 9."""
    opened = machine.new_case(service, number="N-1", applicant="A", at=MONDAY, **AROUND).case
    found = machine.record_check(
        service, opened, "payment", Outcome.PASSED, at=MONDAY, expected_version=1, **AROUND
    ).case
    assert found.clock.due == date(2026, 11, 9)
    return found


def longer(service: Definition, case: Case, *, days: int = 0, **changes: Any) -> Case:
    given: dict[str, Any] = {
        "by": HEAD, "reasons": ("storm",), "comment": "", "calendar": CALENDAR,
        "at": MONDAY + timedelta(days=days), "expected_version": case.version,
    } | changes  # fmt: skip
    return extend(service, case, **given).case


@pytest.mark.parametrize("days", [0, 6, 7], ids=["at once", "the day before", "the last day"])
def test_the_term_is_longer_by_its_own_days(service: Definition, case: Case, days: int) -> None:
    found = longer(service, case, days=days)

    assert found.clock.due == date(2026, 11, 12)
    assert found.version == case.version + 1
    assert Case.from_mapping(service, found.to_mapping()) == found


def test_the_day_after_its_end_it_is_too_late(service: Definition, case: Case) -> None:
    with pytest.raises(Conflict) as caught:
        longer(service, case, days=8)

    assert caught.value.code == "clock.overdue"


def test_what_is_told_is_the_new_day_and_the_grounds(service: Definition, case: Case) -> None:
    step = extend(
        service, case, by=HEAD, reasons=("storm", "storm"), comment="x", at=MONDAY,
        calendar=CALENDAR, expected_version=case.version,
    )  # fmt: skip

    ((kind, by, facts),) = [(one.kind, one.by, dict(one.facts)) for one in step.events]
    assert (kind, by) == ("clock_extended", "H")
    assert facts == {"due": date(2026, 11, 12), "reasons": ("storm",), "length": 3}
    assert step.effects == ()


def test_while_it_stands_more_is_left_when_it_goes_on(service: Definition, case: Case) -> None:
    asked = machine.act(
        service, case, "ask", by=OFFICER, at=MONDAY + timedelta(days=2),
        expected_version=case.version, **AROUND,
    ).case  # fmt: skip
    left = asked.clock.remaining(date(2026, 11, 4), CALENDAR)

    found = longer(service, asked, days=3)
    back = machine.act(
        service, found, "answer", by=Actor("A", frozenset({Role.APPLICANT})),
        at=MONDAY + timedelta(days=4), expected_version=found.version, **AROUND,
    ).case  # fmt: skip

    assert (left, found.clock.due, found.clock.remaining(date(2026, 11, 5), CALENDAR)) == (
        4,
        None,
        7,
    )
    assert back.clock.due == date(2026, 11, 17)


def test_a_pause_after_it_gives_back_no_more_than_was_left(service: Definition, case: Case) -> None:
    found = longer(service, case)
    asked = machine.act(
        service, found, "ask", by=OFFICER, at=MONDAY + timedelta(days=9),
        expected_version=found.version, **AROUND,
    ).case  # fmt: skip

    assert asked.clock.remaining(date(2026, 11, 11), CALENDAR) == 2


def test_in_months_the_last_day_moves_by_months() -> None:
    clock = LegalClock(1, TermUnit.MONTHS).start(date(2026, 1, 30), CALENDAR)
    found = clock.extend(date(2026, 2, 2), 1, ("x",), CALENDAR)

    assert (clock.due, found.due) == (date(2026, 3, 2), date(2026, 4, 2))


REFUSALS: dict[str, tuple[dict[str, Any], type[PencereError], str]] = {
    "an officer": ({"by": OFFICER}, Refused, "case.role"),
    "the applicant": ({"by": replace(HEAD, id="A")}, Refused, "case.own_case"),
    "no grounds": ({"reasons": ()}, Invalid, "case.reason_required"),
    "other grounds": ({"reasons": ("cold",)}, Invalid, "case.reason_unknown"),
    "many words": ({"comment": "x" * 4001}, Invalid, "case.comment_too_long"),
    "somebody else was first": ({"expected_version": 1}, Conflict, "case.changed"),
}


@pytest.mark.parametrize(("changes", "kind", "code"), REFUSALS.values(), ids=REFUSALS)
def test_what_may_not_be_is_refused(
    service: Definition, case: Case, changes: dict[str, Any], kind: type[PencereError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        longer(service, case, **changes)

    assert caught.value.code == code


def test_once_is_once(service: Definition, case: Case) -> None:
    found = longer(service, case)

    with pytest.raises(Conflict) as caught:
        longer(service, found)

    assert caught.value.code == "case.extension_used"
    assert [may_extend(service, one, by=HEAD, at=MONDAY) for one in (case, found)] == [True, False]


def test_a_service_whose_law_says_nothing_has_no_extension(
    permit: Definition, case: Case, service: Definition
) -> None:
    assert permit.term.extend is None
    with pytest.raises(Invalid) as caught:
        longer(permit, case)

    assert caught.value.code == "case.extension_none"


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("act: sea-act, text", "act: no-act, text", "term.extend.reasons"),
        ("extend: {working_days: 3", "extend: {days: 3", "term.extend"),
    ],
)
def test_an_extension_that_cannot_be_is_found(
    folder: Path, island: Surroundings, old: str, new: str, key: str
) -> None:
    file = folder / "service.yaml"
    file.write_text(file.read_text("utf-8").replace(old, new, 1), "utf-8")

    assert [one.key for one in lint(load(folder), island)] == [key]
