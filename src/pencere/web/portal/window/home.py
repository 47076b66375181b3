"""The first page of the window."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from pencere.kernel.dates import format_instant
from pencere.web.cases.domain import definitions, drafts, reading
from pencere.web.issued.domain import finding
from pencere.web.notifications.domain import inbox
from pencere.web.portal.window.timeline import short_case
from pencere.web.rules import rule, signed_in, visit_of
from pencere.web.texts import current_language

SHOWN_CASES = 20
SHOWN_DOCUMENTS = 6


@rule(signed_in)
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show what waits for the person, their applications and documents."""
    person, now = visit_of(request).person, settings.CLOCK.now()
    language = current_language()
    mine = list(reading.cases_of(person)[:SHOWN_CASES])
    page = {
        "given_name": person.given_name,
        "waiting": [short_case(case, at=now) for case in mine if case.waits_for_applicant],
        "drafts": [
            {
                "label": definitions.newest(draft.service, at=now).names.in_language(language),
                "number": draft.number,
                "saved_at": format_instant(draft.saved_at, language),
                "href": reverse("application", args=[draft.id]),
            }
            for draft in drafts.drafts_of(person)
        ],
        "cases": [short_case(case, at=now) for case in mine],
        "documents": list(finding.documents_of(person)[:SHOWN_DOCUMENTS]),
        "unread": inbox.unread(person),
    }
    return render(request, "portal/window/home.jinja", page)
