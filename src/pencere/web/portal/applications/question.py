"""One question a page. What was typed stays, whatever is wrong with it."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pencere.kernel.errors import Conflict, Invalid, Missing
from pencere.services import forms, prefill
from pencere.services.forms import FieldError, FieldErrors
from pencere.services.model.question import Question, QuestionType
from pencere.web.cases.domain import attachments, drafts, files
from pencere.web.cases.domain.application import uploads_in
from pencere.web.cases.domain.drafts import Writing
from pencere.web.cases.models import Draft
from pencere.web.portal.applications import confirming, rows, sent
from pencere.web.portal.applications.opening import now, open_writing, with_draft
from pencere.web.portal.applications.page import TYPED, before, page_of
from pencere.web.portal.applications.shown import time_of
from pencere.web.rules import party, rule
from pencere.web.texts import t

LONGEST_TYPED = 4000
ELSEWHERE = "draft.answered_elsewhere"


@rule(party)
@require_http_methods(["GET", "HEAD", "POST"])
@with_draft
def ask(request: HttpRequest, draft: Draft, question_id: str) -> HttpResponse:
    """Ask a question, or take its answer."""
    writing = open_writing(draft)
    question = next((q for q in writing.way if q.id == question_id), None)
    if question is None:  # the way no longer passes here: another tab changed an answer before
        return HttpResponseRedirect(reverse("application", args=[draft.id]))
    if request.method != "POST":
        broken: tuple[FieldError, ...] = ()
        if "again" in request.GET:
            found = forms.broken(writing.definition, writing.answers, writing.context)
            broken = found.get(question.id, ())
        return page_of(request, writing, question, before(writing, question), errors=broken)
    try:
        return _take(request, writing, question)
    except Conflict as conflict:
        if conflict.code != ELSEWHERE:
            raise
        return _answered_elsewhere(request, draft, question)


@rule(party)
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
    raw = sent.raw_of(request, question)
    if any(len(typed) > LONGEST_TYPED for typed in raw.values()):
        raise Invalid("answer.too_long")
    if prefill.is_locked(question, writing.context):
        raise Missing("question.missing")
    _keep(request, writing, question, raw, is_checked=is_fresh and question.look_up is None)
    return JsonResponse({"said": t("application.saved", time=time_of(draft.saved_at))})


@rule(party)
@require_safe
@with_draft
def file(request: HttpRequest, draft: Draft, attachment_id: UUID) -> HttpResponse:
    """Show the person their own picture."""
    attachment = attachments.attachment_of(draft=draft, attachment_id=attachment_id)
    content = files.content_of(bytes(attachment.sha256))
    response = HttpResponse(content, content_type=attachment.media_type)
    response["Content-Disposition"] = "inline"
    return response


def _keep(
    request: HttpRequest,
    writing: Writing,
    question: Question,
    raw: dict[str, str],
    *,
    is_checked: bool,
) -> None:
    draft, value = writing.draft, None
    if is_checked:
        try:
            value = forms.clean(question, raw, writing.context)
        except FieldErrors:
            value = None
    try:
        if value is not None:
            drafts.answer(
                draft=draft, question=question.id, value=value, at=now(),
                turn=sent.turn_of(request), is_final=False,
            )  # fmt: skip
            return
    except Conflict as conflict:
        if conflict.code != ELSEWHERE:
            raise
    drafts.keep_typed(draft=draft, question=question.id, fields=raw, at=now())


def _take(request: HttpRequest, writing: Writing, question: Question) -> HttpResponse:
    if prefill.is_locked(question, writing.context):
        drafts.answer(
            draft=writing.draft,
            question=question.id,
            value=prefill.known(question, writing.context),
            at=now(),
            turn=sent.turn_of(request),
            own=sent.own_word(request, question),
        )
        return _on(request, writing, question)
    if question.type is QuestionType.TABLE:
        return rows.take_table(request, writing, question) or _on(request, writing, question)
    if "remove" in request.POST and question.type is QuestionType.FILES:
        return _without(request, writing, question)
    if "later" in request.POST and not sent.is_given(request, question):
        return _on(request, writing, question)
    return _take_typed(request, writing, question)


def _take_typed(request: HttpRequest, writing: Writing, question: Question) -> HttpResponse:
    draft, raw = writing.draft, sent.raw_of(request, question)
    try:
        if sent.takes_files(question):
            raw = sent.with_files(request, writing, question)
        value = forms.clean(question, raw, writing.context)
        if question.look_up is not None and value is not None:
            value = confirming.confirmed(request, writing, question, value)
            if value is None:  # found, and shown to be confirmed
                return page_of(request, open_writing(draft), question, raw)
    except FieldErrors as refusal:
        return page_of(request, writing, question, raw, errors=refusal.errors, status=422)
    drafts.answer(
        draft=draft,
        question=question.id,
        value=value,
        at=now(),
        turn=sent.turn_of(request),
        own="",
    )
    if "add" in request.POST:
        return HttpResponseRedirect(request.get_full_path())
    return _on(request, writing, question)


def _without(request: HttpRequest, writing: Writing, question: Question) -> HttpResponse:
    """Take one file out of the answer; the file itself goes with the draft."""
    left = [
        one
        for one in uploads_in(writing.answers.get(question.id))
        if one["id"] != request.POST["remove"]
    ]
    place = {"draft": writing.draft, "question": question.id, "at": now()}
    turn = sent.turn_of(request)
    if left:
        drafts.answer(**place, value=left, turn=turn)  # type: ignore[arg-type]
    else:
        drafts.take_back(**place, turn=turn)  # type: ignore[arg-type]
    return HttpResponseRedirect(request.get_full_path())


def _answered_elsewhere(request: HttpRequest, draft: Draft, question: Question) -> HttpResponse:
    """Show both answers: what the form holds stays in it, and counts when it is sent again."""
    raw = sent.raw_of(request, question)
    typed = {name: value for name, value in raw.items() if isinstance(value, str)}
    if question.type in TYPED and all(len(value) <= LONGEST_TYPED for value in typed.values()):
        drafts.keep_typed(draft=draft, question=question.id, fields=typed, at=now())
    writing = open_writing(draft)
    return page_of(request, writing, question, raw, elsewhere=True, status=409)


def _on(request: HttpRequest, before_it: Writing, question: Question) -> HttpResponse:
    """Lead on: the next page on the way, where a change came from, or out of the form."""
    if "later" in request.POST:
        messages.info(request, t("application.later_done"))
        return HttpResponseRedirect(reverse("window"))
    draft = before_it.draft
    writing = drafts.writing(draft=draft, told=before_it.told, at=now())
    if "change" in request.GET:
        open_question = writing.next_question
        if open_question is None:
            return HttpResponseRedirect(reverse("application_check", args=[draft.id]))
        return HttpResponseRedirect(
            reverse("application_question", args=[draft.id, open_question.id])
        )
    ids = [q.id for q in writing.way]
    place = ids.index(question.id) + 1
    if place < len(ids):
        return HttpResponseRedirect(reverse("application_question", args=[draft.id, ids[place]]))
    return HttpResponseRedirect(reverse("application", args=[draft.id]))
