"""Checking the answers: everything on one page, then paying, signing or sending."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from pencere.kernel.clock import local_date
from pencere.kernel.dates import format_date
from pencere.services import eligibility, forms
from pencere.services.clock import end_of_term
from pencere.services.model.definition import SignatureLevel
from pencere.services.model.question import Question, QuestionType
from pencere.web.cases.domain import definitions
from pencere.web.cases.domain.drafts import Writing
from pencere.web.cases.domain.submission import (
    document_to_sign,
    fee_of,
    must_pay,
    subject_of,
    submit,
)
from pencere.web.cases.models import Draft
from pencere.web.exchange import gateway
from pencere.web.payments.domain.charges import paid_charge
from pencere.web.portal.applications.opening import now, open_writing, with_draft
from pencere.web.portal.applications.shown import answer_shown, facts_of, fee_lines
from pencere.web.rules import party, rule
from pencere.web.texts import current_language, t


@rule(party)
@require_http_methods(["GET", "HEAD", "POST"])
@with_draft
def check(request: HttpRequest, draft: Draft) -> HttpResponse:
    """Show all answers; lead on to what is left: the fee, the signature, sending."""
    writing = open_writing(draft, anew=request.method == "POST")
    if writing.next_question is not None or isinstance(
        eligibility.check(writing.definition, writing.context), eligibility.NotEligible
    ):
        return HttpResponseRedirect(reverse("application", args=[draft.id]))
    broken = forms.broken(writing.definition, writing.answers, writing.context)
    if broken:
        return HttpResponseRedirect(
            reverse("application_question", args=[draft.id, next(iter(broken))])
            + "?change=1&again=1"
        )
    if request.method == "POST":
        return _go_on(writing)
    return render(request, "portal/applications/check.jinja", _page(writing))


def _go_on(writing: Writing) -> HttpResponse:
    draft, definition = writing.draft, writing.definition
    fee = fee_of(writing, at=now())
    if must_pay(definition, fee) and paid_charge(subject_of(draft)) is None:
        return HttpResponseRedirect(reverse("application_pay", args=[draft.id]))
    if definition.signature is not SignatureLevel.NONE:
        return HttpResponseRedirect(reverse("application_sign", args=[draft.id]))
    document = document_to_sign(writing=writing, language=current_language(), at=now())
    case = submit(draft=draft, application=document, signed=None, gateway=gateway(), at=now())
    return HttpResponseRedirect(reverse("case", args=[case.number]) + "?received=1")


def _page(writing: Writing) -> dict[str, object]:
    draft, definition = writing.draft, writing.definition
    fee = fee_of(writing, at=now())
    way = writing.way
    rows = [_row(writing, question) for question in writing.whole.questions]
    return {
        "draft": draft,
        "definition": definition,
        "rows": rows,
        "facts": facts_of(writing),
        "fee": fee,
        "fee_lines": fee_lines(fee),
        "is_paid": paid_charge(subject_of(draft)) is not None,
        "must_pay": must_pay(definition, fee),
        "signs": definition.signature is not SignatureLevel.NONE,
        "due": _due(writing),
        "steps": len(way) + 1,
        "back": reverse("application_question", args=[draft.id, way[-1].id])
        if way
        else reverse("service", args=[draft.service]),
    }


def _row(writing: Writing, question: Question) -> dict[str, object]:
    """Return a question with its answer; what is computed or locked has nothing to change."""
    language, value = current_language(), writing.answers.get(question.id)
    is_table = question.type is QuestionType.TABLE
    return {
        "label": question.ask.in_language(language),
        "value": answer_shown(question, value) or t("application.not_answered"),
        "question": question,
        "upload": value if question.type is QuestionType.PHOTO else None,
        "columns": [{"label": column.ask.in_language(language)} for column in question.columns],
        "rows": forms.rows_shown(question, value, language) if is_table else [],
        "is_computed": question.type is QuestionType.COMPUTED,
        "own": writing.own.get(question.id, ""),
    }


def _due(writing: Writing) -> str | None:
    """Return the last lawful day if the application is sent today; None when it is at once."""
    term = writing.definition.term
    if term.length == 0:
        return None
    today = local_date(now())
    last = end_of_term(today, term.length, term.unit, definitions.calendar())
    return format_date(last, current_language())
