"""The day's list of a place: who is expected, came or did not; closing a slot or the day."""

from datetime import date
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from pencere.kernel.clock import BAKU, local_date
from pencere.kernel.dates import format_date
from pencere.kernel.errors import Conflict, Missing, Refused
from pencere.services.appointments import Place
from pencere.web.appointments.domain import booking, closing, making
from pencere.web.appointments.models import Booking, Slot
from pencere.web.middleware.errors import fault_of
from pencere.web.office.who import caseworker, decides_at, desk_bodies
from pencere.web.people.domain.visit import Visit
from pencere.web.rules import rule, visit_of
from pencere.web.texts import current_language, t

SHOWN = (Booking.State.BOOKED, Booking.State.CAME, Booking.State.MISSED)


@rule(caseworker)
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show a day of a place; today and the first place when nothing is said."""
    visit, now, language = visit_of(request), settings.CLOCK.now(), current_language()
    places = _places(visit)
    wanted = request.GET.get("place", "")
    place = next((one for one in places if one.id == wanted), places[0] if places else None)
    day = _day(request.GET.get("day", ""), local_date(now))
    slots = [] if place is None else _slots(place, day)
    may_act = place is not None and decides_at(visit, place.body)
    page = {
        "places": [{"value": one.id, "label": one.names.in_language(language)} for one in places],
        "chosen": "" if place is None else place.id,
        "title": "" if place is None else place.names.in_language(language),
        "day": day.isoformat(),
        "day_said": format_date(day, language),
        "lines": [_line(slot, visit, may_act=may_act) for slot in slots],
        "may_close": may_act and any(s.starts_at > now and s.closed_at is None for s in slots),
    }
    return render(request, "office/appointments/pages/day.jinja", page)


@rule(caseworker)
@require_POST
def visited(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Write whether a person came; only one answer counts."""
    visit = visit_of(request)
    found = Booking.objects.filter(pk=booking_id, slot__body__in=_deciding(visit))
    row = found.select_related("slot").first()
    said = request.POST.get("came", "")
    if row is None or said not in {"yes", "no"}:
        raise Missing("booking.unknown")
    if row.person_id == visit.person.pk:
        raise Refused("case.own_case")
    try:
        booking.note_visit(
            booking_id=booking_id,
            body=row.slot.body,
            came=said == "yes",
            at=settings.CLOCK.now(),
        )
    except Conflict as refusal:
        messages.warning(request, fault_of(refusal).sentence(current_language()))
    return _back(row.slot.place, row.slot.starts_at.astimezone(BAKU).date())


@rule(caseworker)
@require_POST
def close_slot(request: HttpRequest, slot_id: int) -> HttpResponse:
    """Close one time; who had it is told."""
    visit = visit_of(request)
    told = closing.close_slot(
        slot_id=min(slot_id, 2**62),
        bodies=_deciding(visit),
        officer=visit.person,
        at=settings.CLOCK.now(),
    )
    slot = Slot.objects.get(pk=slot_id)
    messages.success(request, t("appointment.office.closed_told", n=told))
    return _back(slot.place, slot.starts_at.astimezone(BAKU).date())


@rule(caseworker)
@require_POST
def close_day(request: HttpRequest) -> HttpResponse:
    """Close what is left of a day at a place; who had a time is told."""
    visit, now = visit_of(request), settings.CLOCK.now()
    wanted = request.POST.get("place", "")
    place = next((one for one in _places(visit) if one.id == wanted), None)
    if place is None or not decides_at(visit, place.body):
        raise Missing("place.unknown")
    day = _day(request.POST.get("day", ""), None)
    told = closing.close_day(body=place.body, place=place.id, day=day, officer=visit.person, at=now)
    messages.success(request, t("appointment.office.closed_told", n=told))
    return _back(place.id, day)


def _places(visit: Visit) -> list[Place]:
    bodies = desk_bodies(visit)
    return [one for one in making.data().places.values() if one.body in bodies]


def _deciding(visit: Visit) -> frozenset[str]:
    return frozenset(body for body in desk_bodies(visit) if decides_at(visit, body))


def _day(said: str, otherwise: date | None) -> date:
    try:
        found = date.fromisoformat(said)
    except ValueError:
        found = otherwise or date.min
    if date(2000, 1, 1) <= found < date(3000, 1, 1):
        return found
    if otherwise is None:
        raise Missing("day.unknown")
    return otherwise


def _slots(place: Place, day: date) -> list[Slot]:
    expected = Booking.objects.filter(state__in=SHOWN).select_related("person")
    slots = closing.of_day(body=place.body, place=place.id, day=day)
    return list(slots.prefetch_related(Prefetch("bookings", expected, to_attr="expected")))


def _line(slot: Slot, visit: Visit, *, may_act: bool) -> dict[str, object]:
    now = settings.CLOCK.now()
    expected: list[Booking] = getattr(slot, "expected", [])
    return {
        "id": slot.pk,
        "time": f"{slot.starts_at.astimezone(BAKU):%H:%M}",
        "is_closed": slot.closed_at is not None,
        "may_close": may_act and slot.closed_at is None and slot.starts_at > now,
        "free": max(slot.capacity - len(expected), 0),
        "people": [
            {
                "id": one.pk,
                "name": one.person.name,
                "number": one.subject_id if one.subject_kind == "case" else "",
                "state": t(f"appointment.office.{one.state}"),
                "kind": {"came": "good", "missed": "bad"}.get(one.state, ""),
                "may_come": may_act
                and one.state == Booking.State.BOOKED
                and one.person_id != visit.person.pk,
                "may_miss": slot.starts_at <= now,
            }
            for one in expected
        ],
    }


def _back(place: str, day: date) -> HttpResponse:
    query = urlencode({"place": place, "day": day.isoformat()})
    return HttpResponseRedirect(f"{reverse('office_appointments')}?{query}")
