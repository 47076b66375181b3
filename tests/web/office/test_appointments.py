"""The day's list at the desk: who is expected, came or did not, times that are closed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from pencere.kernel.clock import FixedClock
from pencere.web.appointments.domain import booking
from pencere.web.appointments.domain.booking import Subject
from pencere.web.appointments.models import Booking, Slot
from pencere.web.notifications.models import Message
from pencere.web.people.models import Person

SignIn = Callable[..., Client]
LIST = "/az/appointments/"


@pytest.fixture
def booked(applicant: Person, clock: FixedClock) -> Booking:
    """The applicant's time in two hours, at Baku's place."""
    begin = clock.now() + timedelta(hours=2)
    slot = Slot.objects.create(
        body="dyp", place="baku-licences", service="licence-office", capacity=2,
        starts_at=begin, ends_at=begin + timedelta(minutes=20),
    )  # fmt: skip
    subject = Subject("case", "DYP-2026-000001")
    return booking.book(slot_id=slot.pk, person=applicant, subject=subject, at=clock.now())


@pytest.fixture
def desk(make_officer: Any, sign_in: SignIn) -> Client:
    return sign_in(make_officer(), ("dyp", "officer"))


def visit(client: Client, found: Booking, came: str) -> int:
    return client.post(f"{LIST}bookings/{found.id}/visit/", {"came": came}).status_code


def state(found: Booking) -> str:
    return Booking.objects.get(pk=found.pk).state


def test_who_is_expected_stands_in_the_list_and_is_noted_once(
    booked: Booking, desk: Client
) -> None:
    page = desk.get(LIST).content.decode()

    early = (visit(desk, booked, "no"), state(booked))
    came = (visit(desk, booked, "yes"), visit(desk, booked, "no"), state(booked))

    assert ("Aydan Quliyeva" in page, "14:00" in page, "boş: 1" in page) == (True, True, True)
    assert (early, came) == ((302, "booked"), (302, 302, "came"))


def test_who_did_not_come_is_noted_when_the_time_has_begun(
    booked: Booking, make_officer: Any, sign_in: SignIn, clock: FixedClock
) -> None:
    clock.advance(timedelta(hours=2))
    desk = sign_in(make_officer(), ("dyp", "officer"))

    assert (visit(desk, booked, "no"), state(booked)) == (302, "missed")


def test_another_body_an_expert_and_the_person_note_nothing(
    booked: Booking, make_officer: Any, sign_in: SignIn, applicant: Person
) -> None:
    other = sign_in(make_officer("Gülnar"), ("bpqmi", "officer"))
    expert = sign_in(make_officer("Orxan"), ("dyp", "expert"))
    own = sign_in(applicant, ("dyp", "officer"))

    codes = [visit(one, booked, "yes") for one in (other, expert, own)]

    assert "Aydan" not in other.get(LIST, {"place": "baku-licences"}).content.decode()
    assert (codes, state(booked)) == ([404, 404, 403], "booked")


@pytest.mark.parametrize("came", ["", "maybe", "\x00"])
def test_an_answer_that_is_none_is_none(booked: Booking, desk: Client, came: str) -> None:
    assert (visit(desk, booked, came), state(booked)) == (404, "booked")


def test_a_closed_time_is_closed_once_and_by_its_body(
    booked: Booking, desk: Client, make_officer: Any, sign_in: SignIn, applicant: Person
) -> None:
    address = f"{LIST}slots/{booked.slot_id}/close/"
    other = sign_in(make_officer("Gülnar"), ("bpqmi", "officer")).post(address).status_code
    before = state(booked)

    codes = [desk.post(address).status_code for _ in range(2)]

    page = desk.get(LIST).content.decode()
    assert (other, before, codes, state(booked)) == (404, "booked", [302, 302], "displaced")
    assert ("bağlıdır" in page, "Aydan" in page) == (True, False)
    assert Message.objects.filter(person=applicant).count() == 1


def test_the_rest_of_a_day_is_closed(booked: Booking, desk: Client, clock: FixedClock) -> None:
    desk.post(f"{LIST}close/", {"place": "baku-licences", "day": "2026-11-20"})

    assert (state(booked), Slot.objects.filter(closed_at=None).count()) == ("displaced", 0)


@pytest.mark.parametrize(
    ("place", "day"),
    [("", "2026-11-20"), ("nowhere", "2026-11-20"), ("baku-licences", ""),
     ("baku-licences", "x"), ("baku-licences", "9999-12-31")],
)  # fmt: skip
def test_a_day_or_place_that_is_none_closes_nothing(
    booked: Booking, desk: Client, place: str, day: str
) -> None:
    answer = desk.post(f"{LIST}close/", {"place": place, "day": day})
    shown = desk.get(LIST, {"place": place, "day": day})

    assert (answer.status_code, shown.status_code, state(booked)) == (404, 200, "booked")


@pytest.mark.parametrize("slot", [0, 10**30])
def test_a_slot_that_is_none_is_not_closed(desk: Client, clock: FixedClock, slot: int) -> None:
    assert desk.post(f"{LIST}slots/{slot}/close/").status_code == 404
