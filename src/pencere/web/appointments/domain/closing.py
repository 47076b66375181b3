"""A body closes a slot or a day: who had a place is told, and chooses anew."""

import logging
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from pencere.kernel.clock import BAKU
from pencere.kernel.errors import Missing
from pencere.web.appointments.domain import telling
from pencere.web.appointments.models import Booking, Slot

log = logging.getLogger(__name__)


def of_day(*, body: str, place: str, day: date) -> QuerySet[Slot]:
    """Return the slots of a place on a day of the country's clock."""
    begin = datetime.combine(day, time.min, BAKU)
    end = datetime.combine(day + timedelta(days=1), time.min, BAKU)
    return Slot.objects.filter(body=body, place=place, starts_at__gte=begin, starts_at__lt=end)


def close_slot(*, slot_id: int, bodies: frozenset[str], officer: Any, at: datetime) -> int:
    """Close a slot to come; return how many people were told. Twice tells nobody twice.

    Raises:
        Missing: "slot.unknown": none, over, or another body's.
    """
    found = Slot.objects.filter(pk=slot_id, body__in=bodies, starts_at__gt=at)
    if not found.exists():
        raise Missing("slot.unknown")
    return _close(found, officer, at=at)


def close_day(*, body: str, place: str, day: date, officer: Any, at: datetime) -> int:
    """Close what is still to come of a day at a place; return how many people were told."""
    return _close(of_day(body=body, place=place, day=day).filter(starts_at__gt=at), officer, at=at)


@transaction.atomic
def _close(slots: QuerySet[Slot], officer: Any, *, at: datetime) -> int:
    # The lock of the slot is that of who books: after it there is nobody more to tell.
    locked = list(slots.filter(closed_at=None).select_for_update().order_by("pk"))
    Slot.objects.filter(pk__in=[slot.pk for slot in locked]).update(closed_at=at, closed_by=officer)
    told = 0
    live = Booking.objects.select_for_update(of=("self",)).filter(
        slot__in=locked, state__in=[Booking.State.BOOKED, Booking.State.HELD]
    )
    for booking in live.select_related("slot", "person"):
        was_booked = booking.state == Booking.State.BOOKED
        booking.state, booking.changed_at = Booking.State.DISPLACED, at
        booking.sequence += 1
        booking.save()
        if was_booked:
            telling.displaced(booking, at=at)
            told += 1
    log.info("slots_closed count=%s told=%s", len(locked), told)
    return told
