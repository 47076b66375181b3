"""Events of all cases, newest first, without what applicants said; the log's last checkpoint."""

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from pencere.kernel.dates import format_instant
from pencere.kernel.errors import PencereError
from pencere.ledger.store import Reader, StoredCheckpoint
from pencere.web.cases.domain import definitions
from pencere.web.cases.models import CaseEvent
from pencere.web.country import country
from pencere.web.office.who import auditor
from pencere.web.rules import rule
from pencere.web.texts import current_language, t

PAGE = 50


@rule(auditor)
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show the events, of one case when its number is asked for."""
    number = request.GET.get("number", "").strip().upper()[:40]
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
    state = definition.states.get(event.state)
    actions = (one.action(event.action) for one in definition.states.values())
    action = next((found for found in actions if found is not None), None)
    what = action.name if action is not None else (state.name if state is not None else None)
    kind = event.kind.replace("-", "_")
    words = what.in_language(language) if what is not None else ""
    label = (
        t(f"office.event.{kind}", what=words)
        if kind in {"acted", "proposed", "entered"}
        else t(f"office.event.{kind}")
    )
    return [
        event.case.number,
        format_instant(event.at, language),
        country().body(event.case.body).names.in_language(language),
        label,
        event.by.name if event.by is not None else t("office.event.system"),
    ]


def _checkpoint() -> StoredCheckpoint | None:
    with Reader(settings.INSTALLATION.database_url("web")) as reader:
        try:
            return reader.checkpoint()
        except PencereError:
            return None
