"""The author's pages of drafts: list, one draft, one file of it, proposal, publication."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pencere.kernel.dates import format_instant
from pencere.kernel.errors import Missing, PencereError
from pencere.services.difference import compare
from pencere.web.authoring.domain import checking, drafts, publishing
from pencere.web.authoring.models import Proposal, ServiceDraft
from pencere.web.country import country
from pencere.web.middleware.errors import fault_of
from pencere.web.office.authoring.versions import change_row
from pencere.web.office.who import author
from pencere.web.rules import rule, visit_of
from pencere.web.texts import current_language, t

SHOWN = 50


@rule(author)
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest) -> HttpResponse:
    """List the drafts of the author's bodies; begin one."""
    visit, error = visit_of(request), ""
    if request.method == "POST":
        try:
            return HttpResponseRedirect(reverse("authoring_draft", args=[_begin(request).pk]))
        except PencereError as refusal:
            error = _sentence(refusal)
    bodies, language = drafts.bodies(visit), current_language()
    page = {
        "drafts": [
            {
                "href": reverse("authoring_draft", args=[one.pk]),
                "service": one.service,
                "revision": t("office.drafts.revision", n=one.revision),
                "by": one.begun_by.name,
            }
            for one in drafts.open_drafts(visit)
        ],
        "proposals": [
            {
                "href": reverse("authoring_proposal", args=[one.pk]),
                "what": f"{one.draft.service}: {t('office.drafts.proposal', n=one.version)}",
                "by": one.proposed_by.name,
            }
            for one in Proposal.objects.filter(
                draft__body__in=bodies, decided_at=None
            ).select_related("draft", "proposed_by")
        ],
        "bodies": [
            {"value": body, "label": country().body(body).names.in_language(language)}
            for body in bodies
        ],
        "services": [
            {
                "name": entry.names.in_language(language),
                "href": reverse("authoring_withdraw", args=[entry.id]),
            }
            for entry in checking.surroundings().catalogue.all
            if entry.definition is not None and entry.definition.authority in bodies
        ],
        "service": request.POST.get("service", ""),
        "body": request.POST.get("body", bodies[0]),
        "error": error,
    }
    status = 400 if error else 200
    return render(request, "office/authoring/pages/drafts.jinja", page, status=status)


@rule(author)
@require_http_methods(["GET", "HEAD", "POST"])
def draft(request: HttpRequest, draft_id: UUID) -> HttpResponse:
    """Show a draft with its files, what to mend and its history; a POST proposes it."""
    visit, error = visit_of(request), ""
    found = drafts.draft_for(visit, draft_id)
    if request.method == "POST":
        try:
            made = publishing.propose(
                draft_id=draft_id, revision=_number(request.POST.get("revision", "")),
                reason=request.POST.get("reason", ""), visit=visit, at=settings.CLOCK.now(),
            )  # fmt: skip
        except PencereError as refusal:
            error = _sentence(refusal)
        else:
            messages.success(request, t("office.drafts.proposed"))
            return HttpResponseRedirect(reverse("authoring_proposal", args=[made.pk]))
    texts = drafts.texts_of(found)
    page = {
        "draft": found,
        "files": list(texts),
        "faults": _faults(found, texts),
        "outline": _outline(found, texts),
        "history": [
            [t("office.drafts.revision", n=save.revision), save.name, save.by.name,
             format_instant(save.at, current_language())]
            for save in found.saves.select_related("by")[:SHOWN]
        ],
        "reason": request.POST.get("reason", ""),
        "error": error,
        "is_open": found.ended_at is None
        and not found.proposals.filter(decided_at=None).exists(),
    }  # fmt: skip
    status = 400 if error else 200
    return render(request, "office/authoring/pages/draft.jinja", page, status=status)


@rule(author)
@require_http_methods(["GET", "HEAD", "POST"])
def file(request: HttpRequest, draft_id: UUID, name: str) -> HttpResponse:
    """Edit the text of a file; what another saved meanwhile is shown beside one's own."""
    visit = visit_of(request)
    found = drafts.draft_for(visit, draft_id)
    if not checking.NAME.fullmatch(name):
        raise Missing("authoring.missing")
    texts = drafts.texts_of(found)
    page: dict[str, Any] = {
        "draft": found, "name": name, "text": texts.get(name, ""),
        "seen": drafts.revision_of(found, name), "theirs": None, "error": "",
    }  # fmt: skip
    if request.method == "POST":
        page["text"] = request.POST.get("text", "")
        page["seen"] = _number(request.POST.get("seen", ""))
        try:
            drafts.save(
                draft_id=draft_id, name=name, text=page["text"], seen=page["seen"],
                visit=visit, at=settings.CLOCK.now(),
            )  # fmt: skip
        except drafts.Changed as changed:
            page |= {"theirs": changed.theirs, "seen": changed.revision}
            page["error"] = t("office.drafts.changed")
        except PencereError as refusal:
            page["error"] = _sentence(refusal)
        else:
            messages.success(request, t("office.drafts.saved"))
            return HttpResponseRedirect(reverse("authoring_file", args=[draft_id, name]))
    page["faults"] = [one for one in _faults(found, texts) if one.file == name]
    status = 409 if page["theirs"] is not None else 400 if page["error"] else 200
    return render(request, "office/authoring/pages/file.jinja", page, status=status)


@rule(author)
@require_safe
def package(request: HttpRequest, draft_id: UUID) -> HttpResponse:
    """Give the draft as a package."""
    found = drafts.draft_for(visit_of(request), draft_id)
    content = drafts.as_package(found.service, drafts.texts_of(found))
    response = HttpResponse(content, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{found.service}.zip"'
    return response


@rule(author)
@require_POST
def drop(request: HttpRequest, draft_id: UUID) -> HttpResponse:
    """Close a draft."""
    drafts.drop(draft_id=draft_id, visit=visit_of(request), at=settings.CLOCK.now())
    messages.success(request, t("office.drafts.dropped"))
    return HttpResponseRedirect(reverse("authoring_drafts"))


@rule(author)
@require_http_methods(["GET", "HEAD", "POST"])
def proposal(request: HttpRequest, proposal_id: UUID) -> HttpResponse:
    """Show what a proposal changes; another author publishes it or gives it back."""
    visit, at = visit_of(request), settings.CLOCK.now()
    row = publishing.proposal_for(visit, proposal_id)
    if request.method == "POST":
        if request.POST.get("do") == "publish":
            publishing.publish(proposal_id=proposal_id, visit=visit, at=at)
            messages.success(request, t("office.drafts.published"))
        else:
            publishing.give_back(proposal_id=proposal_id, visit=visit, at=at)
            messages.success(request, t("office.drafts.given_back"))
        return HttpResponseRedirect(reverse("authoring_drafts"))
    known = checking.surroundings().catalogue.versions.get(row.draft.service, {})
    before = known.get(row.version - 1)
    changes: list[dict[str, Any]] = []
    if before is not None:
        texts = drafts.texts_of(row.draft, row.revision)
        with checking.definition_of(row.draft.service, texts) as after:
            changes = [
                change_row(one, current_language()) for one in compare(before, after).changes
            ]
    page = {
        "row": row,
        "is_first": before is None,
        "changes": changes,
        "is_open": row.decided_at is None,
        "is_own": row.proposed_by_id == visit.person.pk,
    }
    return render(request, "office/authoring/pages/proposal.jinja", page)


def _begin(request: HttpRequest) -> ServiceDraft:
    body, at = request.POST.get("body", ""), settings.CLOCK.now()
    brought = request.FILES.get("package")
    if brought is not None:
        content = brought.read(drafts.LARGEST_PACKAGE + 1)
        return drafts.bring(content=content, body=body, visit=visit_of(request), at=at)
    service = request.POST.get("service", "").strip()
    return drafts.begin(service=service, body=body, visit=visit_of(request), at=at)


def _faults(found: ServiceDraft, texts: dict[str, str]) -> list[checking.Fault]:
    return checking.faults(found.service, found.body, texts)


def _outline(found: ServiceDraft, texts: dict[str, str]) -> dict[str, list[str]]:
    language = current_language()
    try:
        with checking.definition_of(found.service, texts) as definition:
            return {
                "questions": [one.ask.in_language(language) for one in definition.questions],
                "states": [one.name.in_language(language) for one in definition.states.values()],
            }
    except PencereError:
        return {}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _sentence(refusal: PencereError) -> str:
    if refusal.status >= 500:
        raise refusal
    return fault_of(refusal).sentence(current_language())
