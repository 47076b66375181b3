"""Choosing, changing and giving up a time at a body, for an application that asks for one."""

from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pencere.kernel.clock import BAKU
from pencere.kernel.dates import format_date, format_instant
from pencere.kernel.errors import Conflict, Missing
from pencere.services.appointments import Calendar, Place
from pencere.web.appointments.domain import booking, calendar_file, making, telling
from pencere.web.appointments.domain.booking import Subject
from pencere.web.appointments.models import Booking, Slot
from pencere.web.cases.domain import definitions
from pencere.web.cases.domain.reading import Opened
from pencere.web.cases.models import Case
from pencere.web.middleware.errors import fault_of
from pencere.web.people.models.person import Person
from pencere.web.portal.window.own import case_for
from pencere.web.rules import party, rule, visit_of
from pencere.web.texts import current_language, t

LONGEST_ID = 18


@dataclass(frozen=True, slots=True)
class Asked:
    """A case that asks for an appointment now, and what is booked for it."""

    case: Case
    calendar: Calendar
    booked: Booking | None

    @property
    def live(self) -> Booking | None:
        """The booking that stands."""
        return self.booked if self.booked and self.booked.state == Booking.State.BOOKED else None


@rule(party)
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest, number: str) -> HttpResponse:
    """Choose place, day and time, one after another; sent, book or move the booking."""
    person = visit_of(request).party
    asked = _asked(request, number)
    if asked is None:
        return HttpResponseRedirect(reverse("case", args=[number]))
    if request.method == "POST":
        return _book(request, asked, person)
    return _page(request, asked)


@rule(party)
@require_POST
def cancel(request: HttpRequest, number: str) -> HttpResponse:
    """Give the time up; a second press changes nothing."""
    person = visit_of(request).party
    asked = _asked(request, number)
    if asked is not None and asked.live is not None:
        try:
            booking.cancel(
                booking_id=asked.live.id,
                person=person,
                at=settings.CLOCK.now(),
                until=asked.calendar.change_until,
            )
        except Conflict as refusal:
            messages.warning(request, _sentence(refusal))
        else:
            messages.info(request, t("appointment.cancelled"))
    return HttpResponseRedirect(reverse("case_appointment", args=[number]))


@rule(party)
@require_safe
def calendar(request: HttpRequest, number: str) -> HttpResponse:
    """Give the appointment as a file for a calendar."""
    case = case_for(request, number)
    booked = booking.current(subject=_subject(case))
    if booked is None:
        raise Missing("booking.unknown")
    language = current_language()
    found = making.data().calendars.get(booked.slot.service)
    content = calendar_file.calendar_file(
        booked,
        summary=f"{found.names.in_language(language) if found else ''} · {number}",
        place=telling.place_of(booked.slot, language),
        url=request.build_absolute_uri(reverse("case_appointment", args=[number])),
        at=settings.CLOCK.now(),
    )
    answer = HttpResponse(content, content_type="text/calendar; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{case.number}.ics"'
    return answer


def summary_of(opened: Opened, language: str) -> dict[str, object] | None:
    """Return what the page of a case says of its appointment, None when it asks for none."""
    if opened.definition.states[opened.case.state].appointment is None:
        return None
    booked = booking.current(subject=_subject(opened.case))
    if booked is None or booked.state != Booking.State.BOOKED:
        return {"is_booked": False}
    return {
        "is_booked": True,
        "when": format_instant(booked.slot.starts_at, language),
        "place": telling.place_of(booked.slot, language),
    }


def _book(request: HttpRequest, asked: Asked, person: Person) -> HttpResponse:
    sent, now = request.POST.get("slot", ""), settings.CLOCK.now()
    is_id = sent.isascii() and sent.isdigit() and len(sent) <= LONGEST_ID
    slot = Slot.objects.filter(pk=int(sent), service=asked.calendar.id).first() if is_id else None
    if slot is None:
        return _page(request, asked, error=t("appointment.choose_time"))
    try:
        if asked.live is not None:
            booking.change(
                booking_id=asked.live.id,
                person=person,
                slot_id=slot.pk,
                at=now,
                until=asked.calendar.change_until,
            )
        else:
            booking.book(slot_id=slot.pk, person=person, subject=_subject(asked.case), at=now)
    except Conflict as refusal:
        return _page(request, asked, error=_sentence(refusal), status=409)
    messages.success(request, t("appointment.booked"))
    return HttpResponseRedirect(reverse("case_appointment", args=[asked.case.number]))


def _page(request: HttpRequest, asked: Asked, *, error: str = "", status: int = 0) -> HttpResponse:
    language, now = current_language(), settings.CLOCK.now()
    live = asked.live
    sent = request.POST if request.method == "POST" else request.GET
    free = booking.free(body=asked.calendar.body, service=asked.calendar.id, at=now)
    slots = list(free.order_by("starts_at", "pk"))
    place = _chosen_place(asked.calendar, sent.get("place", ""))
    of_place = [slot for slot in slots if place is not None and slot.place == place.id]
    day = _chosen_day(sent.get("day", ""))
    is_choosing = live is None or "change" in sent
    page = {
        "case": asked.case,
        "calendar": asked.calendar.names.in_language(language),
        "provisional": asked.calendar.provisional,
        "error": error,
        "is_changing": live is not None,
        "is_choosing": is_choosing,
        "booked": None if live is None else _shown(live, asked.calendar, language, now),
        "was_displaced": asked.booked is not None and asked.booked.state == Booking.State.DISPLACED,
        "places": [_place(one, slots, language) for one in _places(asked.calendar)],
        "chosen": None if place is None else _place(place, slots, language),
        "days": _days(of_place, language),
        "day": day.isoformat() if day else "",
        "day_said": format_date(day, language) if day else "",
        "times": [
            {
                "value": str(slot.pk),
                "label": f"{slot.starts_at.astimezone(BAKU):%H:%M}",
                "hint": "",
            }
            for slot in of_place
            if slot.starts_at.astimezone(BAKU).date() == day
        ],
    }
    code = status or (422 if error else 200)
    return render(request, "portal/window/appointment.jinja", page, status=code)


def _asked(request: HttpRequest, number: str) -> Asked | None:
    case = case_for(request, number)
    name = definitions.pinned(case).states[case.state].appointment
    if name is None:
        return None
    return Asked(case, making.data().calendar(name), booking.current(subject=_subject(case)))


def _subject(case: Case) -> Subject:
    return Subject("case", case.number)


def _shown(booked: Booking, calendar: Calendar, language: str, now: datetime) -> dict[str, object]:
    last = booked.slot.starts_at - calendar.change_until
    return {
        "when": format_instant(booked.slot.starts_at, language),
        "place": telling.place_of(booked.slot, language),
        "may_change": now <= last,
        "until": format_instant(last, language),
    }


def _places(calendar: Calendar) -> list[Place]:
    return [making.data().places[name] for name in calendar.places]


def _chosen_place(calendar: Calendar, sent: str) -> Place | None:
    return next((one for one in _places(calendar) if one.id == sent), None)


def _chosen_day(sent: str) -> date | None:
    try:
        found = date.fromisoformat(sent)
    except ValueError:
        return None
    return found if date(2000, 1, 1) <= found < date(3000, 1, 1) else None


def _place(place: Place, slots: list[Slot], language: str) -> dict[str, str]:
    first = next((slot for slot in slots if slot.place == place.id), None)
    return {
        "id": place.id,
        "name": place.names.in_language(language),
        "address": place.address.in_language(language),
        "first": "" if first is None else format_instant(first.starts_at, language),
    }


def _days(slots: list[Slot], language: str) -> list[dict[str, object]]:
    free: dict[date, int] = {}
    for slot in slots:
        day = slot.starts_at.astimezone(BAKU).date()
        free[day] = free.get(day, 0) + 1
    return [
        {"value": day.isoformat(), "label": format_date(day, language), "free": count}
        for day, count in free.items()
    ]


def _sentence(refusal: Conflict) -> str:
    return fault_of(refusal).sentence(current_language())
