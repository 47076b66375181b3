"""What people are told of their appointments: the day before, and when a slot was closed."""

from datetime import datetime, time, timedelta

from pencere.kernel.clock import BAKU, local_date
from pencere.kernel.dates import format_instant
from pencere.kernel.text import LANGUAGES, Text
from pencere.web.appointments.domain.making import data
from pencere.web.appointments.models import Booking, Slot
from pencere.web.notifications.domain import inbox
from pencere.web.texts import texts


def remind(*, at: datetime) -> int:
    """Remind who is expected tomorrow, each once for each time they chose; return how many."""
    tomorrow = local_date(at) + timedelta(days=1)
    begin = datetime.combine(tomorrow, time.min, BAKU)
    end = datetime.combine(tomorrow + timedelta(days=1), time.min, BAKU)
    expected = Booking.objects.filter(
        state=Booking.State.BOOKED, slot__starts_at__gte=begin, slot__starts_at__lt=end
    ).select_related("slot", "person")
    count = 0
    for booking in expected:
        _tell(booking, "reminded", at=at)
        count += 1
    return count


def displaced(booking: Booking, *, at: datetime) -> None:
    """Tell a person that their time was closed, and that they may choose another."""
    _tell(booking, "displaced", at=at)


def place_of(slot: Slot, language: str) -> str:
    """Return name and address of a slot's place; its id where the data no longer has it."""
    place = data().places.get(slot.place)
    if place is None:
        return slot.place
    return f"{place.names.in_language(language)}, {place.address.in_language(language)}"


def _tell(booking: Booking, kind: str, *, at: datetime) -> None:
    inbox.tell(
        person=booking.person,
        key=f"booking:{kind}:{booking.id}:{booking.slot_id}",
        kind="case",
        title=_said(f"appointment.{kind}_title", number=booking.subject_id),
        text=Text(
            **{
                language: texts().say(
                    f"appointment.{kind}_text",
                    language,
                    when=format_instant(booking.slot.starts_at, language),
                    place=place_of(booking.slot, language),
                )
                for language in LANGUAGES
            }
        ),
        subject=booking.subject_id if booking.subject_kind == "case" else "",
        at=at,
    )


def _said(key: str, **values: str) -> Text:
    return Text(**{language: texts().say(key, language, **values) for language in LANGUAGES})
