"""A table without a script: its rows on one page, each row added or changed on its own."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from pencere.kernel.errors import Conflict
from pencere.services.cleaning import tables
from pencere.services.cleaning.judging import judged
from pencere.services.forms import FieldErrors
from pencere.services.model.question import MOST_ROWS, Question, QuestionType
from pencere.web.cases.domain import drafts
from pencere.web.cases.domain.drafts import Writing
from pencere.web.cases.models import Draft
from pencere.web.portal.applications import sent
from pencere.web.portal.applications.opening import now, open_writing, with_draft
from pencere.web.portal.applications.page import page_of, place_of, said_of
from pencere.web.rules import party, rule


@rule(party)
@require_http_methods(["GET", "HEAD", "POST"])
@with_draft
def row(request: HttpRequest, draft: Draft, question_id: str, number: int) -> HttpResponse:
    """Write one row, or take its cells; `number` 0 is a new one."""
    writing = open_writing(draft)
    question = next((q for q in writing.way if q.id == question_id), None)
    kept = _rows(writing, question) if question is not None else []
    if question is None or question.type is not QuestionType.TABLE or number > len(kept):
        return HttpResponseRedirect(reverse("application", args=[draft.id]))
    if request.method != "POST":
        raw = tables.row_fields(question, kept[number - 1]) if number else {}
        return _row_page(request, writing, question, number, raw)
    raw = {name: request.POST.get(name, "") for c in question.columns for name in c.fields()}
    try:
        made = tables.clean_row(question, raw, writing.context)
        rows = [*kept, made] if not number else [*kept[: number - 1], made, *kept[number:]]
        tables.checked_rows(question, rows, count=max(len(rows), question.minimum or 0))
        _put(request, writing, question, rows)
    except FieldErrors as refusal:
        return _row_page(
            request, writing, question, number, raw, errors=refusal, status=422
        )  # fmt: skip
    except Conflict as conflict:
        if conflict.code != "draft.answered_elsewhere":
            raise
        # The rows are others now: what was typed is offered as a new one.
        return _row_page(request, open_writing(draft), question, 0, raw, elsewhere=True, status=409)
    if "another" in request.POST:
        return HttpResponseRedirect(
            reverse("application_row", args=[draft.id, question.id, 0]) + _query(request)
        )
    return HttpResponseRedirect(_table(draft, question) + _query(request))


def take_table(request: HttpRequest, writing: Writing, question: Question) -> HttpResponse | None:
    """Take away a row, add pasted ones, or judge the table; None: it is whole, go on."""
    kept = _rows(writing, question)
    if "remove" in request.POST:
        given = request.POST["remove"]
        number = int(given) if given.isascii() and given.isdigit() and len(given) < 4 else 0
        if 0 < number <= len(kept):
            _put(request, writing, question, [*kept[: number - 1], *kept[number:]])
        return HttpResponseRedirect(request.get_full_path())
    try:
        pasted = tables.table(question, sent.raw_of(request, question), writing.context)
        if isinstance(pasted, list):
            rows = [*kept, *pasted]
            tables.checked_rows(question, rows, count=len(rows))
            _put(request, writing, question, rows)
            return HttpResponseRedirect(request.get_full_path())
        if "later" in request.POST:
            return None
        whole = tables.checked_rows(question, kept, count=len(kept))
        judged(question, whole, writing.context)
    except FieldErrors as refusal:
        raw = sent.raw_of(request, question)
        return page_of(request, writing, question, raw, errors=refusal.errors, status=422)
    if whole is None or question.id not in writing.answers:
        drafts.answer(
            draft=writing.draft, question=question.id, value=whole, at=now(),
            turn=sent.turn_of(request),
        )  # fmt: skip
    return None


def _rows(writing: Writing, question: Question) -> list[tables.Row]:
    value = writing.answers.get(question.id)
    return list(value) if isinstance(value, list) else []


def _put(
    request: HttpRequest, writing: Writing, question: Question, rows: list[tables.Row]
) -> None:
    draft, turn = writing.draft, sent.turn_of(request)
    if rows:
        drafts.answer(draft=draft, question=question.id, value=rows, at=now(), turn=turn)
    else:
        drafts.take_back(draft=draft, question=question.id, at=now(), turn=turn)


def _table(draft: Draft, question: Question) -> str:
    return reverse("application_question", args=[draft.id, question.id])


def _query(request: HttpRequest) -> str:
    return "?change=1" if "change" in request.GET else ""


def _row_page(  # noqa: PLR0913, a page is all of these
    request: HttpRequest,
    writing: Writing,
    question: Question,
    number: int,
    raw: dict[str, str],
    *,
    errors: FieldErrors | None = None,
    elsewhere: bool = False,
    status: int = 200,
) -> HttpResponse:
    page = {
        **place_of(request, writing, question),
        **said_of(errors.errors if errors is not None else ()),
        "raw": raw,
        "number": number,
        "count": len(_rows(writing, question)),
        "most": question.maximum or MOST_ROWS,
        "elsewhere": elsewhere,
        "back": _table(writing.draft, question) + _query(request),
        "action": reverse("application_row", args=[writing.draft.id, question.id, number])
        + _query(request),
    }
    return render(request, "portal/applications/row.jinja", page, status=status)
