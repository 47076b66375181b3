"""Places in slots: the last goes to one person, a held one lapses, a booking moves or ends."""

import threading
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connections

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Conflict, Missing
from pencere.web.appointments.domain import booking
from pencere.web.appointments.domain.booking import Subject
from pencere.web.appointments.domain.slots import times
from pencere.web.appointments.models import Booking, Slot
from pencere.web.people.models import Person

ONE, TWO = Subject("case", "1"), Subject("case", "2")


def a_slot(clock: FixedClock, hours: int = 24, capacity: int = 1, service: str = "s") -> Slot:
    begin = clock.now() + timedelta(hours=hours)
    return Slot.objects.create(
        body="mint", place="hall", service=service, starts_at=begin,
        ends_at=begin + timedelta(minutes=20), capacity=capacity,
    )  # fmt: skip


def booked(slot: Slot, person: Person, clock: FixedClock, subject: Subject = ONE) -> Booking:
    held = booking.hold(slot_id=slot.pk, person=person, subject=subject, at=clock.now())
    return booking.confirm(booking_id=held.id, person=person, at=clock.now())


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises((Conflict, Missing)) as found:
        act()
    return found.value.code


def test_slots_stand_in_working_hours_of_working_days_only() -> None:
    zone = ZoneInfo("Asia/Baku")
    found = times(
        days=iter([date(2026, 11, 21), date(2026, 11, 23)]),
        hours=((time(9), time(10)), (time(14), time(14, 30))),
        length=timedelta(minutes=25),
        is_working=lambda day: day.weekday() < 5,
        zone=zone,
    )

    assert [start for start, _ in found] == [
        datetime(2026, 11, 23, 9, 0, tzinfo=zone),
        datetime(2026, 11, 23, 9, 25, tzinfo=zone),
        datetime(2026, 11, 23, 14, 0, tzinfo=zone),
    ]


def test_holding_and_confirming_twice_is_one_booking(person: Person, clock: FixedClock) -> None:
    slot = a_slot(clock)

    assert booked(slot, person, clock) == booked(slot, person, clock)
    assert list(booking.free(body="mint", service="s", at=clock.now())) == []


def test_a_held_place_lapses(person: Person, clock: FixedClock) -> None:
    slot = a_slot(clock)
    held = booking.hold(slot_id=slot.pk, person=person, subject=ONE, at=clock.now())
    full = refusal(
        lambda: booking.hold(slot_id=slot.pk, person=person, subject=TWO, at=clock.now())
    )
    clock.advance(booking.HOLD)

    lapsed = refusal(lambda: booking.confirm(booking_id=held.id, person=person, at=clock.now()))

    assert (full, lapsed) == ("slot.full", "booking.lapsed")
    assert booked(slot, person, clock, TWO).state == "booked"


def test_a_change_to_a_full_slot_keeps_the_old_place(person: Person, clock: FixedClock) -> None:
    first, full, other = a_slot(clock), a_slot(clock, 25), a_slot(clock, 26)
    mine = booked(first, person, clock)
    booked(full, person, clock, TWO)

    code = refusal(
        lambda: booking.change(booking_id=mine.id, person=person, slot_id=full.pk, at=clock.now())
    )
    moved = booking.change(booking_id=mine.id, person=person, slot_id=other.pk, at=clock.now())

    assert (code, moved.slot, moved.sequence) == ("slot.full", other, 2)
    assert list(booking.free(body="mint", service="s", at=clock.now())) == [first]


def test_a_withdrawn_case_gives_its_place_up(person: Person, clock: FixedClock) -> None:
    slot = a_slot(clock)
    mine = booked(slot, person, clock)

    booking.cancel_for(subject=ONE, at=clock.now())
    booking.cancel_for(subject=ONE, at=clock.now())

    mine.refresh_from_db()
    assert mine.state == "cancelled"
    assert list(booking.free(body="mint", service="s", at=clock.now())) == [slot]


def test_anothers_booking_and_another_bodys_are_not_there(
    person: Person, make_person: Callable[..., Person], clock: FixedClock
) -> None:
    mine, stranger, at = booked(a_slot(clock), person, clock), make_person("4LEYL82"), clock.now()

    codes = [
        refusal(lambda: booking.cancel(booking_id=mine.id, person=stranger, at=at)),
        refusal(lambda: booking.note_visit(booking_id=mine.id, body="x", came=True, at=at)),
        refusal(lambda: booking.hold(slot_id=0, person=person, subject=TWO, at=at)),
    ]

    assert codes == ["booking.unknown", "booking.unknown", "slot.unknown"]


def test_nobody_is_missed_before_the_time_and_nothing_ends_after_it(
    person: Person, clock: FixedClock
) -> None:
    mine = booked(a_slot(clock), person, clock)

    def missed() -> Booking:
        return booking.note_visit(booking_id=mine.id, body="mint", came=False, at=clock.now())

    early = refusal(missed)
    clock.advance(timedelta(hours=25))
    late = refusal(lambda: booking.cancel(booking_id=mine.id, person=person, at=clock.now()))

    assert (early, late, missed().state) == ("booking.closed", "booking.closed", "missed")


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_gets_the_last_place(person: Person, clock: FixedClock) -> None:
    slot = a_slot(clock)
    start, outcomes = threading.Barrier(2), list[str]()

    def press(subject: Subject) -> None:
        start.wait()
        try:
            booking.hold(slot_id=slot.pk, person=person, subject=subject, at=clock.now())
            outcomes.append("held")
        except Conflict as found:
            outcomes.append(found.code)
        connections.close_all()

    threads = [threading.Thread(target=press, args=(subject,)) for subject in (ONE, TWO)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["held", "slot.full"]
    assert Booking.objects.count() == 1
