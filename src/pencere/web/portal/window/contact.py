"""Where mail and text messages go and what about, as the person wants it."""

from collections.abc import Callable, Mapping

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from pencere.kernel.errors import Invalid, PencereError, Refused, Unavailable
from pencere.web.middleware.errors import fault_of
from pencere.web.notifications.domain import contacts
from pencere.web.notifications.domain.addresses import address_of
from pencere.web.notifications.domain.carriers import carrier_of
from pencere.web.notifications.domain.channels import CHANNELS, EMAIL, Channel
from pencere.web.rules import rule, signed_in, visit_of
from pencere.web.texts import current_language, t

# Columns of the row by the boxes of the page, for each channel.
WISHES: Mapping[str, Mapping[str, str]] = {
    "email": {
        "cases": "sends_cases", "events": "sends_events", "quiet": "is_quiet",
        "once_a_day": "once_a_day",
    },
    "sms": {"cases": "sends_cases", "events": "sends_events", "quiet": "is_quiet"},
}  # fmt: skip
LONGEST = 254


@rule(signed_in)
@require_http_methods(["GET", "HEAD", "POST"])
def settings_page(request: HttpRequest, channel: str) -> HttpResponse:
    """Show the address and the wishes; do one thing with them."""
    where = CHANNELS[channel]
    if request.method != "POST":
        return _page(request, where)
    act = _ACTS.get(request.POST.get("do", ""))
    if act is None:
        return _back(where)
    try:
        act(request, where)
    except (Invalid, Refused, Unavailable) as refusal:
        return _page(request, where, refusal=refusal)
    return _back(where)


def _ask(request: HttpRequest, where: Channel) -> None:
    carrier = carrier_of(where)
    if carrier is None:
        raise Unavailable(f"{where.words}.none")
    contacts.ask(
        where,
        person=visit_of(request).person,
        typed=request.POST.get("address", "")[: LONGEST + 1],
        language=current_language(),
        carrier=carrier,
        at=settings.CLOCK.now(),
    )
    messages.success(request, t(f"{where.words}.code_sent"))


def _confirm(request: HttpRequest, where: Channel) -> None:
    typed = request.POST.get("code", "")[:20]
    contacts.confirm(where, person=visit_of(request).person, typed=typed, at=settings.CLOCK.now())
    messages.success(request, t(f"{where.words}.confirmed_title"))


def _remove(request: HttpRequest, where: Channel) -> None:
    contacts.remove(where, visit_of(request).person, at=settings.CLOCK.now())
    messages.success(request, t(f"{where.words}.removed_title"))


def _wish(request: HttpRequest, where: Channel) -> None:
    chosen = set(request.POST.getlist("wishes")) & set(WISHES[where.name])
    contacts.wish(
        where,
        visit_of(request).person,
        cases="cases" in chosen,
        events="events" in chosen,
        quiet="quiet" in chosen,
        once_a_day="once_a_day" in chosen,
    )
    messages.success(request, t("mail.wishes_kept"))


_ACTS: dict[str, Callable[[HttpRequest, Channel], None]] = {
    "ask": _ask, "confirm": _confirm, "remove": _remove, "wish": _wish,
}  # fmt: skip


def _back(where: Channel) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse(f"notifications_{where.words}"))


def _page(
    request: HttpRequest, where: Channel, *, refusal: PencereError | None = None
) -> HttpResponse:
    contact = contacts.contact_of(where, visit_of(request).person)
    name = "code" if request.POST.get("do") == "confirm" else "address"
    said = "" if refusal is None else fault_of(refusal).sentence(current_language())
    wishes = WISHES[where.name]
    page = {
        "words": where.words,
        "is_there": carrier_of(where) is not None,
        "address": None if contact is None else address_of(contact),
        "pending": None if contact is None else address_of(contact, pending=True),
        "has_failed": contact is not None and contact.failed_at is not None,
        "typed": request.POST.get("address", ""),
        "keyboard": "email" if where is EMAIL else "tel",
        "wishes": [{"value": one, "label": t(f"mail.wish.{one}")} for one in wishes],
        "chosen": [wish for wish, column in wishes.items() if contact and getattr(contact, column)],
        "errors": {name: said} if said else {},
        "summary": [{"name": name, "text": said}] if said else [],
    }
    status = 200 if refusal is None else max(refusal.status, 422)
    return render(request, "portal/window/contact.jinja", page, status=status)
