"""A form for a new question of a draft."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from pencere.kernel.errors import Invalid, PencereError
from pencere.kernel.text import LANGUAGES
from pencere.services.definition import FILE
from pencere.web.authoring.domain import drafts, snippets
from pencere.web.authoring.models import ServiceDraft
from pencere.web.middleware.errors import fault_of
from pencere.web.office.who import author
from pencere.web.rules import rule, visit_of
from pencere.web.texts import current_language, t


@rule(author)
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest, draft_id: UUID) -> HttpResponse:
    """Ask for a question in three languages; put it behind the others."""
    found = drafts.draft_for(visit_of(request), draft_id)
    if request.method != "POST":
        return _page(request, found)
    file = reverse("authoring_file", args=[draft_id, FILE])
    try:
        seen = drafts.revision_of(found, FILE)
        text = snippets.added(drafts.texts_of(found).get(FILE, ""), _asked(request))
        drafts.save(
            draft_id=draft_id, name=FILE, text=text, seen=seen, visit=visit_of(request),
            at=settings.CLOCK.now(),
        )  # fmt: skip
    except drafts.Changed:  # a colleague saved in this moment: nothing of it was overwritten
        return _page(request, found, error=t("office.drafts.question_again"), status=409)
    except Invalid as refusal:
        return _page(request, found, error=_said(refusal), status=422)
    except PencereError as refusal:
        if refusal.status >= 500:
            raise
        return _page(request, found, error=_said(refusal), status=refusal.status)
    messages.success(request, t("office.drafts.question_added"))
    return HttpResponseRedirect(file)


def _asked(request: HttpRequest) -> snippets.Asked:
    given = request.POST
    kind = given.get("type", "")
    return snippets.Asked(
        id=given.get("id", "").strip(),
        kind=kind,
        ask={one: given.get(f"ask-{one}", "").strip() for one in LANGUAGES},
        hint={one: given.get(f"hint-{one}", "").strip() for one in LANGUAGES},
        is_required="required" in given.getlist("wishes"),
        choices=snippets.choices_of(given.get("choices", "")) if kind == "one_of" else (),
    )


def _said(refusal: PencereError) -> str:
    return fault_of(refusal).sentence(current_language())


def _page(
    request: HttpRequest, found: ServiceDraft, *, error: str = "", status: int = 200
) -> HttpResponse:
    sent = request.POST
    page = {
        "draft": found,
        "kinds": [
            {"value": one, "label": t(f"office.drafts.kind.{one}")} for one in snippets.KINDS
        ],
        "languages": LANGUAGES,
        "sent": sent,
        "chosen": sent.getlist("wishes") if sent else ["required"],
        "error": error,
    }
    return render(request, "office/authoring/pages/question.jinja", page, status=status)
