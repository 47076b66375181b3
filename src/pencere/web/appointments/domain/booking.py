"""Holding, confirming, changing and giving up a place in a slot, under the slot's lock."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, F, Q, QuerySet

from pencere.kernel.errors import Conflict, Missing
from pencere.web.appointments.models import Booking, Slot

log = logging.getLogger(__name__)

State = Booking.State
HOLD = timedelta(minutes=10)
LIVE = (State.HELD, State.BOOKED)


@dataclass(frozen=True, slots=True)
class Subject:
    """What the person comes for: a kind and an id of another app."""

    kind: str
    id: str


def free(*, body: str, service: str, at: datetime) -> QuerySet[Slot]:
    """Return the coming slots that have a place, soonest first."""
    slots = Slot.objects.filter(body=body, service=service, starts_at__gt=at, closed_at=None)
    return slots.annotate(taken=Count("bookings", filter=_taken(at, "bookings__"))).filter(
        taken__lt=F("capacity")
    )


@transaction.atomic
def hold(*, slot_id: int, person: Any, subject: Subject, at: datetime) -> Booking:
    """Hold a place for ten minutes; the same slot asked for again is the same booking.

    Raises:
        Missing: "slot.unknown".
        Conflict: "slot.over", "slot.closed", "slot.full"; "booking.exists": there is another.
    """
    _lock(slot_id)
    _let_go(subject, at=at)
    slot = _with_room(slot_id, at=at, besides=_live(subject))
    found = _live(subject)
    if found is not None:
        if found.slot_id == slot.pk and found.person_id == person.pk:
            return found
        raise Conflict("booking.exists")
    try:
        with transaction.atomic():
            return Booking.objects.create(
                slot=slot,
                person=person,
                subject_kind=subject.kind,
                subject_id=subject.id,
                made_at=at,
                changed_at=at,
                held_until=at + HOLD,
            )
    except IntegrityError as error:  # another tab held another slot
        raise Conflict("booking.exists") from error


@transaction.atomic
def confirm(*, booking_id: UUID, person: Any, at: datetime) -> Booking:
    """Make a held place a booking; twice is once.

    Raises:
        Missing: "booking.unknown". Conflict: "booking.lapsed".
    """
    booking = _own(booking_id, person)
    if booking.state == State.BOOKED:
        return booking
    if booking.state != State.HELD or booking.held_until <= at:
        raise Conflict("booking.lapsed")
    return _become(booking, State.BOOKED, at=at)


@transaction.atomic
def change(
    *, booking_id: UUID, person: Any, slot_id: int, at: datetime, until: timedelta = timedelta(0)
) -> Booking:
    """Move a booking to another slot of the same service; the old place is kept if it is full.

    Raises:
        Missing: "booking.unknown", "slot.unknown".
        Conflict: "slot.over", "slot.closed", "slot.full", "slot.other-service",
            "booking.closed": its time has come; "booking.late": it is less than `until` away.
    """
    _lock(slot_id)
    booking = _own(booking_id, person)
    if booking.state != State.BOOKED or booking.slot.starts_at <= at:
        raise Conflict("booking.closed")
    if booking.slot_id == slot_id:
        return booking
    if booking.slot.starts_at - at < until:
        raise Conflict("booking.late")
    slot = _with_room(slot_id, at=at, besides=booking)
    if (slot.body, slot.service) != (booking.slot.body, booking.slot.service):
        raise Conflict("slot.other-service")
    booking.slot = slot
    return _become(booking, State.BOOKED, at=at)


@transaction.atomic
def cancel(
    *, booking_id: UUID, person: Any, at: datetime, until: timedelta = timedelta(0)
) -> Booking:
    """Give a place up; twice is once.

    Raises:
        Missing: "booking.unknown". Conflict: "booking.closed", "booking.late": as `change`.
    """
    booking = _own(booking_id, person)
    if booking.state == State.CANCELLED:
        return booking
    if booking.state not in LIVE or booking.slot.starts_at <= at:
        raise Conflict("booking.closed")
    if booking.slot.starts_at - at < until:
        raise Conflict("booking.late")
    return _become(booking, State.CANCELLED, at=at)


@transaction.atomic
def cancel_for(*, subject: Subject, at: datetime) -> None:
    """Give up the place of a subject that was withdrawn; nothing happens without one."""
    booking = _live(subject)
    if booking is not None:
        _become(booking, State.CANCELLED, at=at)


@transaction.atomic
def note_visit(*, booking_id: UUID, body: str, came: bool, at: datetime) -> Booking:
    """Write at the desk whether the person came.

    Raises:
        Missing: "booking.unknown": none, or another body's. Conflict: "booking.closed".
    """
    booking = _locked().filter(pk=booking_id, slot__body=body).first()
    if booking is None:
        raise Missing("booking.unknown")
    if booking.state != State.BOOKED or (not came and booking.slot.starts_at > at):
        raise Conflict("booking.closed")
    return _become(booking, State.CAME if came else State.MISSED, at=at)


@transaction.atomic
def book(*, slot_id: int, person: Any, subject: Subject, at: datetime) -> Booking:
    """Take a place at once; the same slot asked for again is the same booking.

    Raises:
        Missing, Conflict: as `hold`.
    """
    held = hold(slot_id=slot_id, person=person, subject=subject, at=at)
    return confirm(booking_id=held.id, person=person, at=at)


def current(*, subject: Subject) -> Booking | None:
    """Return the live booking of a subject, else the latest it had, else None."""
    found = Booking.objects.filter(subject_kind=subject.kind, subject_id=subject.id)
    found = found.exclude(state=State.HELD).select_related("slot")
    live = found.filter(state=State.BOOKED).first()
    return live or found.order_by("-changed_at").first()


def _lock(slot_id: int) -> None:
    """Lock a slot before any booking, in the order of who closes slots: neither waits for ever."""
    Slot.objects.select_for_update().filter(pk=slot_id).first()


def _with_room(slot_id: int, *, at: datetime, besides: Booking | None = None) -> Slot:
    slot = Slot.objects.select_for_update().filter(pk=slot_id).first()
    if slot is None:
        raise Missing("slot.unknown")
    if slot.starts_at <= at:
        raise Conflict("slot.over")
    if slot.closed_at is not None:
        raise Conflict("slot.closed")
    taken = slot.bookings.filter(_taken(at))
    if besides is not None:
        taken = taken.exclude(pk=besides.pk)
    if taken.count() >= slot.capacity:
        raise Conflict("slot.full")
    return slot


def _taken(at: datetime, path: str = "") -> Q:
    held = Q(**{f"{path}state": State.HELD, f"{path}held_until__gt": at})
    return held | Q(**{f"{path}state__in": [State.BOOKED, State.CAME, State.MISSED]})


def _let_go(subject: Subject, *, at: datetime) -> None:
    booking = _live(subject)
    if booking is not None and booking.state == State.HELD and booking.held_until <= at:
        _become(booking, State.CANCELLED, at=at)


def _live(subject: Subject) -> Booking | None:
    found = _locked().filter(subject_kind=subject.kind, subject_id=subject.id, state__in=LIVE)
    return found.first()


def _own(booking_id: UUID, person: Any) -> Booking:
    booking = _locked().filter(pk=booking_id, person=person).first()
    if booking is None:
        raise Missing("booking.unknown")
    return booking


def _locked() -> QuerySet[Booking]:
    return Booking.objects.select_for_update(of=("self",)).select_related("slot")


def _become(booking: Booking, state: str, *, at: datetime) -> Booking:
    was, booking.state, booking.changed_at = booking.state, state, at
    booking.sequence += 1
    booking.save()
    log.info("booking_moved booking=%s was=%s became=%s", booking.id, was, state)
    return booking
