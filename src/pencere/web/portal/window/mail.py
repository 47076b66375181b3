"""Where mail goes and what it says, as the person wants it."""

from collections.abc import Callable

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
from pencere.web.notifications.domain.smtp import mailer
from pencere.web.rules import rule, signed_in, visit_of
from pencere.web.texts import current_language, t

WISHES = ("cases", "events", "quiet", "once_a_day")
LONGEST = 254


@rule(signed_in)
@require_http_methods(["GET", "HEAD", "POST"])
def settings_page(request: HttpRequest) -> HttpResponse:
    """Show the address and the wishes; do one thing with them."""
    if request.method != "POST":
        return _page(request)
    act = _ACTS.get(request.POST.get("do", ""))
    if act is None:
        return _back()
    try:
        act(request)
    except (Invalid, Refused, Unavailable) as refusal:
        return _page(request, refusal=refusal)
    return _back()


def _ask(request: HttpRequest) -> None:
    server = mailer(settings.INSTALLATION.secrets)
    if server is None:
        raise Unavailable("mail.none")
    contacts.ask(
        person=visit_of(request).person,
        typed=request.POST.get("address", "")[: LONGEST + 1],
        language=current_language(),
        mailer=server,
        at=settings.CLOCK.now(),
    )
    messages.success(request, t("mail.code_sent"))


def _confirm(request: HttpRequest) -> None:
    typed = request.POST.get("code", "")[:20]
    contacts.confirm(person=visit_of(request).person, typed=typed, at=settings.CLOCK.now())
    messages.success(request, t("mail.confirmed_title"))


def _remove(request: HttpRequest) -> None:
    contacts.remove(visit_of(request).person, at=settings.CLOCK.now())
    messages.success(request, t("mail.removed_title"))


def _wish(request: HttpRequest) -> None:
    chosen = set(request.POST.getlist("wishes"))
    contacts.wish(
        visit_of(request).person,
        cases="cases" in chosen,
        events="events" in chosen,
        quiet="quiet" in chosen,
        once_a_day="once_a_day" in chosen,
    )
    messages.success(request, t("mail.wishes_kept"))


_ACTS: dict[str, Callable[[HttpRequest], None]] = {
    "ask": _ask, "confirm": _confirm, "remove": _remove, "wish": _wish,
}  # fmt: skip


def _back() -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("notifications_mail"))


def _page(request: HttpRequest, *, refusal: PencereError | None = None) -> HttpResponse:
    contact = contacts.contact_of(visit_of(request).person)
    name = "code" if request.POST.get("do") == "confirm" else "address"
    said = "" if refusal is None else fault_of(refusal).sentence(current_language())
    chosen = [] if contact is None else [
        wish for wish, holds in zip(
            WISHES,
            (contact.sends_cases, contact.sends_events, contact.is_quiet, contact.once_a_day),
            strict=True,
        ) if holds
    ]  # fmt: skip
    page = {
        "is_there": mailer(settings.INSTALLATION.secrets) is not None,
        "address": None if contact is None else address_of(contact),
        "pending": None if contact is None else address_of(contact, pending=True),
        "has_failed": contact is not None and contact.failed_at is not None,
        "typed": request.POST.get("address", ""),
        "wishes": [{"value": one, "label": t(f"mail.wish.{one}")} for one in WISHES],
        "chosen": chosen,
        "errors": {name: said} if said else {},
        "summary": [{"name": name, "text": said}] if said else [],
    }
    status = 200 if refusal is None else max(refusal.status, 422)
    return render(request, "portal/window/mail.jinja", page, status=status)
