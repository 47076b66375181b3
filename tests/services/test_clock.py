"""The legal clock: the day before, the day, the day after; pauses; holidays."""

from datetime import date

import pytest

from pencere.kernel.errors import Conflict, Invalid
from pencere.kernel.working_days import WorkingCalendar
from pencere.services.clock import LegalClock
from pencere.services.model.common import TermUnit

# Friday 20 November 2026; Monday 9 November is a holiday here.
FRIDAY, MONDAY, TUESDAY, WEDNESDAY = (date(2026, 11, day) for day in (20, 23, 24, 25))
CALENDAR = WorkingCalendar(frozenset({date(2026, 11, 9)}))


def clock(length: int, unit: TermUnit = TermUnit.WORKING_DAYS, on: date = FRIDAY) -> LegalClock:
    return LegalClock(length, unit).start(on, CALENDAR)


@pytest.mark.parametrize(
    ("length", "unit", "start", "due"),
    [
        (1, TermUnit.WORKING_DAYS, FRIDAY, MONDAY),
        (1, TermUnit.WORKING_DAYS, date(2026, 11, 22), MONDAY),
        (1, TermUnit.WORKING_DAYS, date(2026, 11, 6), date(2026, 11, 10)),
        (0, TermUnit.WORKING_DAYS, FRIDAY, FRIDAY),
        (2, TermUnit.DAYS, FRIDAY, MONDAY),
        (1, TermUnit.MONTHS, date(2027, 1, 31), date(2027, 3, 1)),
    ],
)
def test_a_term_ends_on_a_working_day(length: int, unit: TermUnit, start: date, due: date) -> None:
    assert clock(length, unit, start).due == due


@pytest.mark.parametrize(("day", "overdue"), [(FRIDAY, False), (MONDAY, False), (TUESDAY, True)])
def test_the_day_after_the_last_day_is_late(day: date, overdue: bool) -> None:
    assert clock(1).is_overdue(day) is overdue


def test_while_it_stands_there_is_no_last_day() -> None:
    paused = clock(1).pause(FRIDAY, "mending", CALENDAR)

    assert (paused.due, paused.remaining(FRIDAY, CALENDAR)) == (None, 1)


def test_the_day_of_the_pause_is_not_used_up() -> None:
    paused = clock(3).pause(MONDAY, "mending", CALENDAR)

    assert paused.resume(WEDNESDAY, CALENDAR).due == date(2026, 11, 30)


def test_two_pauses_add_up() -> None:
    twice = clock(2).pause(FRIDAY, "a", CALENDAR).resume(MONDAY, CALENDAR)
    twice = twice.pause(TUESDAY, "b", CALENDAR).resume(WEDNESDAY, CALENDAR)

    assert twice.due == date(2026, 11, 27)
    assert [pause.reason for pause in twice.pauses] == ["a", "b"]


def test_who_is_late_gains_nothing_by_asking() -> None:
    late = clock(1).pause(WEDNESDAY, "mending", CALENDAR).resume(date(2026, 12, 1), CALENDAR)

    assert late.due == MONDAY


def test_it_cannot_be_paused_twice_or_resumed_while_it_runs() -> None:
    paused = clock(1).pause(FRIDAY, "mending", CALENDAR)

    with pytest.raises(Conflict):
        paused.pause(FRIDAY, "again", CALENDAR)
    with pytest.raises(Conflict):
        clock(1).resume(FRIDAY, CALENDAR)


def test_it_starts_once() -> None:
    assert clock(1).start(WEDNESDAY, CALENDAR) == clock(1)


@pytest.mark.parametrize(("ended", "kept"), [(MONDAY, True), (TUESDAY, False)])
def test_a_decision_says_whether_the_term_was_kept(ended: date, kept: bool) -> None:
    assert clock(1).end(ended).was_kept is kept


def test_it_is_stored_and_read_as_it_was() -> None:
    paused = clock(3).pause(MONDAY, "mending", CALENDAR)

    assert LegalClock.from_mapping(paused.to_mapping()) == paused


def test_a_spoilt_one_is_not_read() -> None:
    with pytest.raises(Invalid):
        LegalClock.from_mapping({**clock(1).to_mapping(), "started": "yesterday"})
