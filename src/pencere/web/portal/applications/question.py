"""One question a page. What was typed stays, whatever is wrong with it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pencere.kernel.errors import Invalid, Missing
from pencere.services import forms
from pencere.services.forms import FieldError, FieldErrors, Upload
from pencere.services.model import Question, QuestionType
from pencere.web.cases.domain import attachments, drafts, files
from pencere.web.cases.domain.drafts import Writing
from pencere.web.cases.models import Draft
from pencere.web.portal.applications.opening import now, open_writing, with_draft
from pencere.web.portal.applications.shown import facts_of, time_of
from pencere.web.rules import rule, signed_in
from pencere.web.texts import current_language, t

FILES = frozenset({QuestionType.PHOTO, QuestionType.FILE})
# Kept while they are typed; what is chosen or added is kept with its button.
TYPED = frozenset(
    {
        QuestionType.TEXT, QuestionType.PHONE, QuestionType.NUMBER, QuestionType.MONEY,
        QuestionType.DATE, QuestionType.ADDRESS,
    }
)  # fmt: skip
LONGEST_TYPED = 4000


@rule(signed_in)
@require_http_methods(["GET", "HEAD", "POST"])
@with_draft
def ask(request: HttpRequest, draft: Draft, question_id: str) -> HttpResponse:
    """Ask a question, or take its answer."""
    writing = open_writing(draft)
    question = next((q for q in writing.way if q.id == question_id), None)
    if question is None:  # the way no longer passes here: another tab changed an answer before
        return HttpResponseRedirect(reverse("application", args=[draft.id]))
    if request.method != "POST":
        return _page(request, writing, question, _before(writing, question))
    return _take(request, writing, question)


@rule(signed_in)
@require_POST
@with_draft
def keep(request: HttpRequest, draft: Draft, question_id: str) -> HttpResponse:
    """Keep what is being typed; what is not yet an answer is kept as it stands.

    No register is asked for this: without fresh facts nothing is checked, only kept.
    """
    is_fresh = drafts.has_fresh_facts(draft, at=now())
    writing = open_writing(draft) if is_fresh else drafts.writing(draft=draft, at=now())
    questions = writing.way if is_fresh else writing.definition.questions
    question = next((q for q in questions if q.id == question_id and q.type in TYPED), None)
    if question is None:
        raise Missing("question.missing")
    raw = _raw(request, question)
    if any(len(typed) > LONGEST_TYPED for typed in raw.values()):
        raise Invalid("answer.too_long")
    try:
        value = forms.clean(question, raw, writing.context) if is_fresh else None
    except FieldErrors:
        value = None
    if value is None:
        drafts.keep_typed(draft=draft, question=question.id, fields=raw, at=now())
    else:
        drafts.answer(draft=draft, question=question.id, value=value, at=now())
    return JsonResponse({"said": t("application.saved", time=time_of(draft.saved_at))})


@rule(signed_in)
@require_safe
@with_draft
def file(request: HttpRequest, draft: Draft, attachment_id: UUID) -> HttpResponse:
    """Show the person their own picture."""
    attachment = attachments.attachment_of(draft=draft, attachment_id=attachment_id)
    content = files.content_of(bytes(attachment.sha256))
    response = HttpResponse(content, content_type=attachment.media_type)
    response["Content-Disposition"] = "inline"
    return response


def _take(request: HttpRequest, writing: Writing, question: Question) -> HttpResponse:
    draft, raw = writing.draft, _raw(request, question)
    if "later" in request.POST and not _is_given(request, question):
        return _later(request)
    try:
        if question.type in FILES:
            raw = {question.id: _upload(request, writing, question)}
        value = forms.clean(question, raw, writing.context)
    except FieldErrors as refusal:
        return _page(request, writing, question, raw, errors=refusal.errors, status=422)
    stored = _as_mapping(value) if isinstance(value, Upload) else value
    drafts.answer(draft=draft, question=question.id, value=stored, at=now())
    if "later" in request.POST:
        return _later(request)
    return HttpResponseRedirect(_after(draft, writing, question, is_change="change" in request.GET))


def _later(request: HttpRequest) -> HttpResponse:
    messages.info(request, t("application.later_done"))
    return HttpResponseRedirect(reverse("window"))


def _after(draft: Draft, before: Writing, question: Question, *, is_change: bool) -> str:
    """Return the page after an answer: the next one on the way, or where a change came from."""
    writing = drafts.writing(draft=draft, told=before.told, at=now())
    if is_change:
        open_question = writing.next_question
        if open_question is None:
            return reverse("application_check", args=[draft.id])
        return reverse("application_question", args=[draft.id, open_question.id])
    ids = [q.id for q in writing.way]
    place = ids.index(question.id) + 1
    if place < len(ids):
        return reverse("application_question", args=[draft.id, ids[place]])
    return reverse("application", args=[draft.id])


def _raw(request: HttpRequest, question: Question) -> dict[str, Any]:
    return {name: request.POST.get(name, "") for name in question.fields()}


def _is_given(request: HttpRequest, question: Question) -> bool:
    typed = any(request.POST.get(name, "").strip() for name in question.fields())
    return typed or bool(request.FILES.get(question.id))


def _upload(request: HttpRequest, writing: Writing, question: Question) -> Upload | None:
    """Take in the file that was chosen; without one, the file that was taken before stays."""
    given = request.FILES.get(question.id)
    if isinstance(given, UploadedFile):
        return attachments.add(
            draft=writing.draft,
            question=question,
            name=given.name or "",
            file=given,
            at=now(),
        )
    before = writing.answers.get(question.id)
    return Upload(**before) if isinstance(before, Mapping) else None


def _as_mapping(upload: Upload) -> dict[str, Any]:
    return {
        "id": upload.id,
        "name": upload.name,
        "media_type": upload.media_type,
        "size_bytes": upload.size_bytes,
        "width": upload.width,
        "height": upload.height,
    }


def _before(writing: Writing, question: Question) -> dict[str, Any]:
    """Return what the fields hold when the page is opened: as they were left, or answered."""
    if question.id in writing.typed:
        return dict(writing.typed[question.id])
    if question.id not in writing.answers:
        return {}
    value = writing.answers[question.id]
    raw: dict[str, Any] = dict(forms.raw_of(question, value))
    if question.type is QuestionType.ADDRESS and value is not None:
        options = forms.offered(question, writing.context)
        if value in options:
            return {question.id: str(options.index(str(value)))}
    return raw


def _page(  # noqa: PLR0913, a page is all of these
    request: HttpRequest,
    writing: Writing,
    question: Question,
    raw: Mapping[str, Any],
    *,
    errors: Sequence[FieldError] = (),
    status: int = 200,
) -> HttpResponse:
    ids = [q.id for q in writing.way]
    place = ids.index(question.id)
    language = current_language()
    said = {error.field: error.say.in_language(language) for error in reversed(errors)}
    kept = writing.answers.get(question.id) if question.type in FILES else None
    page = {
        "draft": writing.draft,
        "definition": writing.definition,
        "question": question,
        "raw": raw,
        "errors": said,
        "summary": [
            {"text": error.say.in_language(language), "name": error.field} for error in errors
        ],
        "step": place + 1,
        "steps": len(ids) + 1,
        "back": _back(writing.draft, ids, place, is_change="change" in request.GET),
        "options": forms.offered(question, writing.context),
        "kept": kept,
        "is_check_again": question.id in writing.check_again,
        "facts": facts_of(writing),
        "is_first": place == 0,
        "is_typed": question.type in TYPED,
        "saved_at": time_of(writing.draft.saved_at) if writing.answers or writing.typed else None,
    }
    return render(request, "portal/applications/question.jinja", page, status=status)


def _back(draft: Draft, ids: list[str], place: int, *, is_change: bool) -> str:
    if is_change:
        return reverse("application_check", args=[draft.id])
    if place == 0:
        return reverse("service", args=[draft.service])
    return reverse("application_question", args=[draft.id, ids[place - 1]])
