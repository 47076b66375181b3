"""An appointment as an iCalendar file (RFC 5545), which a person's own calendar takes over."""

from datetime import datetime, timedelta

from icalendar import Alarm, Calendar, Event

from pencere.web.appointments.models import Booking

PRODUCT = "-//Pencere//Appointments//AZ"


def calendar_file(booking: Booking, *, summary: str, place: str, url: str, at: datetime) -> bytes:
    """Return the file. The same booking has the same UID; a moved one a higher SEQUENCE.

    Times are UTC, so that no calendar needs our zone. A place that was given up is CANCELLED.
    """
    event = Event()
    event.add("uid", f"{booking.id}@pencere")
    event.add("dtstamp", at)
    event.add("dtstart", booking.slot.starts_at)
    event.add("dtend", booking.slot.ends_at)
    event.add("sequence", booking.sequence)
    event.add("summary", summary)
    event.add("location", place)
    event.add("url", url)
    live = booking.state in {Booking.State.BOOKED, Booking.State.CAME, Booking.State.MISSED}
    event.add("status", "CONFIRMED" if live else "CANCELLED")
    if booking.state == Booking.State.BOOKED:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", summary)
        alarm.add("trigger", timedelta(hours=-2))
        event.add_component(alarm)
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written
