"""Slots of the days ahead, made from the country's data. Safe to run again and by two at once."""

import logging
from datetime import date, datetime, timedelta

from pencere.kernel.clock import BAKU, local_date
from pencere.services.appointments import Appointments, Calendar, Place
from pencere.web.appointments.domain.slots import times
from pencere.web.appointments.models import Slot
from pencere.web.country import country

log = logging.getLogger(__name__)


def data() -> Appointments:
    """Return places and calendars of this installation."""
    return Appointments.of(country())


def make(*, at: datetime) -> int:
    """Make the slots that are not there yet; return how many rows were offered.

    One that was made stays, whatever the data says now: somebody may have a place in it.
    """
    found = data()
    today = local_date(at)
    offered = 0
    for calendar in found.calendars.values():
        for name in calendar.places:
            rows = _slots(calendar, found.places[name], today, at)
            Slot.objects.bulk_create(rows, ignore_conflicts=True)
            offered += len(rows)
    log.info("slots_made offered=%s", offered)
    return offered


def _slots(calendar: Calendar, place: Place, today: date, at: datetime) -> list[Slot]:
    works = country().calendar.working.is_working
    rows = []
    for ahead in range(calendar.days_ahead + 1):
        day = today + timedelta(days=ahead)
        for start, end in times(
            days=iter([day]),
            hours=place.hours[day.weekday()],
            length=calendar.length,
            is_working=lambda one: works(one) and one not in place.closed,
            zone=BAKU,
        ):
            if start > at:
                rows.append(
                    Slot(
                        body=calendar.body, place=place.id, service=calendar.id,
                        starts_at=start, ends_at=end, capacity=calendar.capacity,
                    )
                )  # fmt: skip
    return rows
