"""A visit an application asks for: chosen, moved, given up, put into one's own calendar."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from icalendar import Calendar

from pencere.kernel.clock import FixedClock
from pencere.kernel.identifiers import Fin
from pencere.services.case import Actor
from pencere.services.model.common import Role
from pencere.web.appointments.domain import booking, closing, making, telling
from pencere.web.appointments.models import Booking, Slot
from pencere.web.cases.domain import acting
from pencere.web.cases.models import Case
from pencere.web.notifications.models import Message
from pencere.web.people.domain import accounts
from pencere.web.people.models import Person
from pencere.web.people.vault import Identity

SignIn = Callable[..., Client]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FixedClock:
    """A Tuesday, noon in Baku; the second version of the service is in force."""
    fixed = FixedClock(datetime(2026, 11, 24, 8, 0, tzinfo=UTC))
    monkeypatch.setattr(settings, "CLOCK", fixed)
    return fixed


@pytest.fixture
def invited(sent: Case, officer: Person, registers: Any, clock: FixedClock) -> Case:
    """A case whose officer asked the applicant to come; the slots are made."""
    acting.act(
        case=sent, action="invite", by=Actor(str(officer.pk), frozenset({Role.OFFICER})),
        officer=officer, version=sent.version, comment="Gəlin.", gateway=registers,
        at=clock.now(),
    )  # fmt: skip
    making.make(at=clock.now())
    return Case.objects.get(pk=sent.pk)


@pytest.fixture
def officer(db: None, clock: FixedClock) -> Person:
    return accounts.open_account(Identity(Fin("2RSAD76"), "Rəşad", "Əliyev"), at=clock.now())


@pytest.fixture
def visitor(applicant: Person, sign_in: SignIn) -> Client:
    return sign_in(applicant)


def address(case: Case) -> str:
    return f"/az/cases/{case.number}/appointment/"


def free(clock: FixedClock) -> list[Slot]:
    return list(booking.free(body="dyp", service="licence-office", at=clock.now()))


def states() -> list[tuple[str, int]]:
    return list(Booking.objects.order_by("made_at").values_list("state", "slot_id"))


def test_place_day_and_time_are_chosen_without_a_script(
    invited: Case, visitor: Client, clock: FixedClock
) -> None:
    case_page = visitor.get(f"/az/cases/{invited.number}/").content.decode()
    places = visitor.get(address(invited)).content.decode()
    days = visitor.get(address(invited), {"place": "ganja-licences"}).content.decode()
    times = visitor.get(
        address(invited), {"place": "ganja-licences", "day": "2026-11-26"}
    ).content.decode()
    chosen = next(slot for slot in free(clock) if slot.place == "ganja-licences")

    answer = visitor.post(address(invited), {"slot": chosen.pk})

    page = visitor.get(answer["Location"]).content.decode()
    assert address(invited) in case_page
    assert ("Bakı qeydiyyat" in places, "place=ganja-licences" in places) == (True, True)
    # Thursdays and Tuesdays; the third of December is closed by the place itself.
    found = [d for d in ("2026-11-26", "2026-12-01", "2026-12-03", "2026-12-10") if d in days]
    assert found == ["2026-11-26", "2026-12-01", "2026-12-10"]
    assert ("10:00" in times, "13:00" in times, "15:40" in times) == (True, False, True)
    assert states() == [("booked", chosen.pk)]
    assert "appointment.ics" in page


def test_two_presses_are_one_booking(invited: Case, visitor: Client, clock: FixedClock) -> None:
    slot = free(clock)[0]

    answers = [visitor.post(address(invited), {"slot": slot.pk}).status_code for _ in range(2)]

    assert (answers, states()) == ([302, 302], [("booked", slot.pk)])


def test_a_time_is_moved_and_given_up_and_another_may_be_taken(
    invited: Case, visitor: Client, clock: FixedClock
) -> None:
    first, second, third = free(clock)[30:33]
    visitor.post(address(invited), {"slot": first.pk})
    visitor.post(address(invited), {"slot": second.pk, "change": "1"})
    moved = states()

    for _ in range(2):
        visitor.post(f"{address(invited)}cancel/")
    given_up = states()
    visitor.post(address(invited), {"slot": third.pk})

    assert (moved, given_up) == ([("booked", second.pk)], [("cancelled", second.pk)])
    assert states() == [("cancelled", second.pk), ("booked", third.pk)]


@pytest.mark.parametrize(("before", "state"), [
    (timedelta(hours=4), "cancelled"), (timedelta(hours=3, minutes=59), "booked"),
])  # fmt: skip
def test_a_time_may_be_given_up_until_the_limit(
    invited: Case, applicant: Person, sign_in: SignIn, clock: FixedClock,
    before: timedelta, state: str,
) -> None:  # fmt: skip
    visitor = sign_in(applicant)
    slot = free(clock)[-1]
    visitor.post(address(invited), {"slot": slot.pk})
    clock.advance(slot.starts_at - clock.now() - before)
    making.make(at=clock.now())
    other, visitor = free(clock)[-1], sign_in(applicant)

    if state == "booked":
        late = visitor.post(address(invited), {"slot": other.pk, "change": "1"})
        assert (late.status_code, "Artıq dəyişmək olmaz" in late.content.decode()) == (409, True)
    visitor.post(f"{address(invited)}cancel/")

    assert states() == [(state, slot.pk)]


@pytest.mark.parametrize(
    "slot", ["", "0", "-1", "abc", "9" * 18, "9" * 5000, "\x00", "' or 1=1", "\uff11"]
)
def test_a_time_that_is_none_books_nothing(invited: Case, visitor: Client, slot: str) -> None:
    answer = visitor.post(address(invited), {"slot": slot})

    assert (answer.status_code, states()) == (422, [])


@pytest.mark.parametrize("day", ["", "x", "2026-13-01", "9999-12-31", "0001-01-01", "2026-11-22"])
def test_a_day_that_is_none_shows_the_days(invited: Case, visitor: Client, day: str) -> None:
    page = visitor.get(address(invited), {"place": "baku-licences", "day": day})

    assert (page.status_code, "Hansı gün?" in page.content.decode()) == (200, True)


def test_past_full_and_other_calendars_times_are_refused(
    invited: Case, applicant: Person, sign_in: SignIn, clock: FixedClock
) -> None:
    full, past = free(clock)[5], free(clock)[0]
    Slot.objects.filter(pk=full.pk).update(capacity=0)
    other = Slot.objects.create(
        body="dyp", place="baku-licences", service="exam", capacity=1,
        starts_at=full.starts_at, ends_at=full.ends_at,
    )  # fmt: skip
    clock.advance(past.starts_at - clock.now())
    visitor = sign_in(applicant)

    answers = [visitor.post(address(invited), {"slot": one.pk}) for one in (full, past, other)]

    assert [answer.status_code for answer in answers] == [409, 409, 422]
    assert "Bu vaxtı indicə başqası götürdü." in answers[0].content.decode()
    assert states() == []


def test_somebody_elses_visit_is_not_there(
    invited: Case, visitor: Client, officer: Person, sign_in: SignIn, clock: FixedClock
) -> None:
    visitor.post(address(invited), {"slot": free(clock)[30].pk})
    stranger = sign_in(officer)
    file = f"/az/cases/{invited.number}/appointment.ics"

    codes = [
        stranger.get(address(invited)).status_code,
        stranger.post(address(invited), {"slot": free(clock)[0].pk}).status_code,
        stranger.post(f"{address(invited)}cancel/").status_code,
        stranger.get(file).status_code,
    ]

    assert codes == [404, 404, 404, 404]
    assert [state for state, _ in states()] == ["booked"]


def test_an_application_that_asks_for_no_visit_has_no_times(
    sent: Case, visitor: Client, clock: FixedClock
) -> None:
    making.make(at=clock.now())

    opened = visitor.get(address(sent))
    booked = visitor.post(address(sent), {"slot": free(clock)[0].pk})

    assert opened["Location"] == booked["Location"] == f"/az/cases/{sent.number}/"
    assert states() == []


def test_the_file_keeps_its_number_when_the_time_is_moved_and_tells_of_its_end(
    invited: Case, visitor: Client, clock: FixedClock
) -> None:
    first, second = free(clock)[30:32]
    file = f"/az/cases/{invited.number}/appointment.ics"

    def event() -> Any:
        return Calendar.from_ical(visitor.get(file).content).walk("VEVENT")[0]

    visitor.post(address(invited), {"slot": first.pk})
    before = event()
    visitor.post(address(invited), {"slot": second.pk, "change": "1"})
    moved = event()
    visitor.post(f"{address(invited)}cancel/")
    ended = event()

    assert before["uid"] == moved["uid"] == ended["uid"]
    assert before["sequence"] < moved["sequence"] < ended["sequence"]
    assert [one.decoded("dtstart") for one in (before, moved)] == [
        first.starts_at, second.starts_at
    ]  # fmt: skip
    assert [str(one["status"]) for one in (before, moved, ended)] == [
        "CONFIRMED", "CONFIRMED", "CANCELLED",
    ]  # fmt: skip


def test_who_withdraws_gives_the_time_up(invited: Case, visitor: Client, clock: FixedClock) -> None:
    slot = free(clock)[0]
    visitor.post(address(invited), {"slot": slot.pk})

    visitor.post(f"/az/cases/{invited.number}/withdraw/")

    invited.refresh_from_db()
    assert (invited.state, states()) == ("withdrawn", [("cancelled", slot.pk)])


def test_one_is_reminded_the_day_before_once_and_of_the_time_one_chose_last(
    invited: Case, visitor: Client, clock: FixedClock, applicant: Person, sign_in: SignIn
) -> None:
    day = free(clock)[-1].starts_at.date()
    first, second = [slot for slot in free(clock) if slot.starts_at.date() == day][:2]
    visitor.post(address(invited), {"slot": first.pk})
    clock.advance(first.starts_at - clock.now() - timedelta(days=2))
    early = telling.remind(at=clock.now())
    clock.advance(timedelta(days=1))

    counts = [telling.remind(at=clock.now()) for _ in range(2)]
    later = sign_in(applicant)
    later.post(address(invited), {"slot": second.pk, "change": "1"})
    telling.remind(at=clock.now())

    told = Message.objects.filter(person=applicant, key__startswith="booking:reminded")
    assert (early, counts, told.count()) == (0, [1, 1], 2)
    assert "Bakı" in told[0].text["az"] or "Gəncə" in told[0].text["az"]


def test_who_had_a_closed_time_is_told_and_chooses_anew(
    invited: Case, visitor: Client, officer: Person, clock: FixedClock, applicant: Person
) -> None:
    slot, other = free(clock)[0], free(clock)[30]
    visitor.post(address(invited), {"slot": slot.pk})

    told = [
        closing.close_slot(
            slot_id=slot.pk, bodies=frozenset({"dyp"}), officer=officer, at=clock.now()
        )
        for _ in range(2)
    ]
    again = visitor.post(address(invited), {"slot": slot.pk})
    page = visitor.get(address(invited)).content.decode()
    visitor.post(address(invited), {"slot": other.pk})

    assert (told, again.status_code) == ([1, 0], 409)
    assert "Qurum seçdiyiniz vaxtı bağladı" in page
    assert states() == [("displaced", slot.pk), ("booked", other.pk)]
    assert Message.objects.filter(person=applicant, key__contains="displaced").count() == 1


@pytest.mark.django_db(transaction=True)
def test_closing_and_moving_at_once_leave_nobody_in_a_closed_time(
    invited: Case, visitor: Client, officer: Person, clock: FixedClock
) -> None:
    first, second = free(clock)[0], free(clock)[1]
    visitor.post(address(invited), {"slot": first.pk})
    start, codes = threading.Barrier(2), list[int]()
    day = first.starts_at.date()

    def move() -> None:
        start.wait()
        sent = {"slot": second.pk, "change": "1"}
        codes.append(visitor.post(address(invited), sent).status_code)
        connections.close_all()

    def close() -> None:
        start.wait()
        closing.close_day(body="dyp", place=first.place, day=day, officer=officer, at=clock.now())
        connections.close_all()

    threads = [threading.Thread(target=one) for one in (move, close)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert codes[0] in {302, 409}
    assert not Booking.objects.filter(state="booked", slot__closed_at__isnull=False).exists()
