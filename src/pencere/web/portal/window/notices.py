"""The inbox."""

from uuid import UUID

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.web.jinja.place import counters
from pencere.web.notifications.domain import inbox
from pencere.web.people.domain.visit import Visit
from pencere.web.rules import rule, signed_in, visit_of

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
    page = {"messages": list(shown), "page": shown.number, "pages": pages.num_pages}
    return render(request, "portal/window/notices.jinja", page)


@rule(signed_in)
@require_safe
def one(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """Show one message; it counts as read."""
    message = inbox.read(
        person=visit_of(request).person, message_id=message_id, at=settings.CLOCK.now()
    )
    return render(request, "portal/window/notice.jinja", {"message": message})
