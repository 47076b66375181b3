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
from pencere.web.rules import party, rule, visit_of
from pencere.web.texts import current_language

SHOWN_CASES = 20
SHOWN_DOCUMENTS = 6


@rule(party)
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show what waits for the person, their applications and documents."""
    visit, now = visit_of(request), settings.CLOCK.now()
    person, acting = visit.party, visit.acting
    language = current_language()
    mine = list(reading.cases_of(person, acting)[:SHOWN_CASES])
    page = {
        "given_name": visit.person.given_name if acting is None else "",
        "acting": acting,
        "waiting": [short_case(case, at=now) for case in mine if case.waits_for_applicant],
        "drafts": [
            {
                "label": definitions.newest(draft.service, at=now).names.in_language(language),
                "number": draft.number,
                "saved_at": format_instant(draft.saved_at, language),
                "href": reverse("application", args=[draft.id]),
            }
            for draft in drafts.drafts_of(person, visit.agent)
        ],
        "cases": [short_case(case, at=now) for case in mine],
        "documents": list(finding.documents_of(person, acting)[:SHOWN_DOCUMENTS]),
        "unread": inbox.unread(visit.person),
    }
    return render(request, "portal/window/home.jinja", page)
