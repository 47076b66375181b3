"""The inbox."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from pencere.kernel.dates import format_instant
from pencere.web.cases.models import Draft
from pencere.web.catalogue.domain.services import catalogue
from pencere.web.jinja.place import counters
from pencere.web.notifications.domain import inbox, offers
from pencere.web.notifications.models import Delivery, Message
from pencere.web.people.domain.visit import Visit
from pencere.web.rules import rule, signed_in, visit_of
from pencere.web.texts import current_language, t

A_PAGE = 20


def _unread(visit: object) -> int:
    return inbox.unread(visit.person) if isinstance(visit, Visit) else 0


counters["notifications"] = _unread


@rule(signed_in)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """List what the person was told, newest first."""
    pages = Paginator(inbox.messages_of(visit_of(request).person), A_PAGE)
    shown = pages.get_page(request.GET.get("page"))
    page = {
        "messages": list(shown),
        "page": shown.number,
        "pages": pages.num_pages,
        "declines_offers": offers.is_declined(visit_of(request).person),
    }
    return render(request, "portal/window/notices.jinja", page)


@rule(signed_in)
@require_safe
def one(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """Show one message; it counts as read."""
    message = inbox.read(
        person=visit_of(request).person, message_id=message_id, at=settings.CLOCK.now()
    )
    return render(
        request,
        "portal/window/notice.jinja",
        {"message": message, "offers": _offers(message), "ways": _ways(message)},
    )


@rule(signed_in)
@require_POST
def wish_for_offers(request: HttpRequest) -> HttpResponse:
    """Switch offers of services off, or on again."""
    person = visit_of(request).person
    if request.POST.get("offers") == "none":
        offers.decline(person, at=settings.CLOCK.now())
        messages.success(request, t("offers.declined"))
    else:
        offers.allow(person)
        messages.success(request, t("offers.allowed"))
    return HttpResponseRedirect(reverse("notifications"))


def _ways(message: Message) -> list[str]:
    """Say which ways outside the message takes, and how far it came on each."""
    said = []
    for way in message.deliveries.exclude(channel=inbox.INBOX).order_by("channel"):
        key = f"notices.way.{way.channel}.{way.status}"
        when = {"when": format_instant(way.at, current_language())}
        said.append(t(key) if way.status == Delivery.Status.CREATED else t(key, **when))
    return said


def _offers(message: Message) -> list[dict[str, str]]:
    """Return what was offered and is not under way or done since."""
    begun = set(
        Draft.objects.filter(
            person=message.person_id, service__in=message.offers, saved_at__gte=message.sent_at
        ).values_list("service", flat=True)
    )
    known, language = catalogue().entries, current_language()
    return [
        {
            "href": reverse("service", args=[name]),
            "label": known[name].names.in_language(language),
            "icon": "document",
        }
        for name in message.offers
        if name in known and name not in begun
    ]
