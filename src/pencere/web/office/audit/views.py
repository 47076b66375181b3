"""Events of all cases, newest first, without what applicants said; the log's last checkpoint."""

import psycopg
from django.core.paginator import Paginator
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.kernel.dates import format_instant
from pencere.kernel.errors import PencereError
from pencere.ledger.store import StoredCheckpoint, newest_checkpoint
from pencere.web.cases.domain import definitions
from pencere.web.cases.models import CaseEvent
from pencere.web.country import country
from pencere.web.exchange.registers import register
from pencere.web.office.case.page import said_of
from pencere.web.office.number import as_number
from pencere.web.office.who import auditor
from pencere.web.rules import rule
from pencere.web.texts import current_language, t

PAGE = 50


@rule(auditor)
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show the events, of one case when its number is asked for."""
    number = as_number(request.GET.get("number"))
    events = CaseEvent.objects.select_related("case", "by").order_by("-at", "-pk")
    if number:
        events = events.filter(case__number=number)
    page = Paginator(events, PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "office/audit/pages/audit.jinja",
        {
            "number": number,
            "rows": [_row(event) for event in page],
            "page": page.number,
            "pages": page.paginator.num_pages,
            "checkpoint": _checkpoint(),
        },
    )


def _row(event: CaseEvent) -> list[str]:
    language = current_language()
    definition = definitions.pinned(event.case)
    said = said_of(event, definition, language)
    if event.kind == "asked":
        asked = dict.fromkeys(event.facts.get("registers", ()))
        said += ": " + ", ".join(register(one).names.in_language(language) for one in asked)
    if "batch" in event.facts:
        said += " · " + t("office.batch.of", batch=event.facts["batch"])
    return [
        event.case.number,
        format_instant(event.at, language),
        country().body(event.case.body).names.in_language(language),
        said,
        _who(event),
    ]


def _who(event: CaseEvent) -> str:
    """Name officers; an applicant is only said to be one."""
    if event.by is None:
        return t("office.event.system")
    if event.case.is_of(event.by_id):
        return t("office.event.applicant")
    return event.by.name


def _checkpoint() -> StoredCheckpoint | None:
    """Return the last checkpoint; None while there is none or the log cannot be read."""
    connection.ensure_connection()
    try:
        return newest_checkpoint(connection.connection)
    except (PencereError, psycopg.Error):
        return None
