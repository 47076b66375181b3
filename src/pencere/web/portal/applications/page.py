"""The page of a question, made from a draft."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from pencere.kernel.clock import local_date
from pencere.services import forms, prefill
from pencere.services.forms import FieldError
from pencere.services.model.question import UPLOADS, Question, QuestionType
from pencere.services.places import places_in
from pencere.web.cases.domain import reuse
from pencere.web.cases.domain.application import uploads_in
from pencere.web.cases.domain.drafts import Writing
from pencere.web.cases.models import Draft
from pencere.web.exchange.registers import register
from pencere.web.portal.applications.shown import answer_shown, facts_of, found_shown, time_of
from pencere.web.texts import current_language

# Kept while they are typed; what is chosen or added is kept with its button.
TYPED = frozenset(
    {
        QuestionType.TEXT, QuestionType.PHONE, QuestionType.NUMBER, QuestionType.MONEY,
        QuestionType.DATE, QuestionType.ADDRESS, QuestionType.EMAIL, QuestionType.IBAN,
        QuestionType.DECIMAL, QuestionType.COMPANY, QuestionType.PERSON, QuestionType.PLATE,
        QuestionType.VEHICLE, QuestionType.POINT,
    }
)  # fmt: skip


def page_of(  # noqa: PLR0913, a page is all of these
    request: HttpRequest,
    writing: Writing,
    question: Question,
    raw: Mapping[str, Any],
    *,
    errors: Sequence[FieldError] = (),
    elsewhere: bool = False,
    status: int = 200,
) -> HttpResponse:
    """Show a question with what stands in its fields and what is wrong with it."""
    page = {
        **place_of(request, writing, question),
        **said_of(errors),
        **known_of(writing, question),
        **_parts(writing, question),
        "raw": raw,
        "elsewhere": answer_shown(question, writing.answers.get(question.id))
        if elsewhere
        else None,
    }
    return render(request, "portal/applications/question.jinja", page, status=status)


def place_of(request: HttpRequest, writing: Writing, question: Question) -> dict[str, Any]:
    """Return where on the way the page is."""
    ids = [q.id for q in writing.way]
    place = ids.index(question.id)
    section = writing.definition.sections.get(question.section or "")
    earlier = reuse.earlier_of(writing) if place == 0 else None
    return {
        "draft": writing.draft,
        "definition": writing.definition,
        "question": question,
        "turn": writing.turns.get(question.id, 0),
        "is_change": "change" in request.GET,
        "step": place + 1,
        "steps": len(ids) + 1,
        "section": section.title if section is not None else None,
        "back": _back(writing.draft, ids, place, is_change="change" in request.GET),
        "is_first": place == 0,
        "facts": facts_of(writing),
        "saved_at": time_of(writing.draft.saved_at) if writing.answers or writing.typed else None,
        "earlier_on": local_date(earlier.submitted_at) if earlier is not None else None,
    }


def said_of(errors: Sequence[FieldError]) -> dict[str, Any]:
    """Return errors beside their fields and as the summary links to them."""
    language = current_language()
    return {
        "errors": {error.field: error.say.in_language(language) for error in reversed(errors)},
        "summary": [
            {"text": error.say.in_language(language), "name": error.field} for error in errors
        ],
    }


def known_of(writing: Writing, question: Question) -> dict[str, Any]:
    """Return what the state has for this question, from which register, and the own word."""
    value = prefill.known(question, writing.context)
    if value is None:
        return {"known_value": None, "is_locked": False, "source": None, "own": ""}
    fact = writing.definition.fact(prefill.fact_of(question))
    return {
        "known_value": answer_shown(question, value),
        "is_locked": question.locked,
        "source": register(fact.register).names if fact is not None else None,
        "own": writing.own.get(question.id, ""),
    }


def before(writing: Writing, question: Question) -> dict[str, Any]:
    """Return what fields hold when a page is opened: as left, as answered, or as the state has."""
    if question.id in writing.typed:
        return dict(writing.typed[question.id])
    if question.type is QuestionType.TABLE:
        return {}  # its rows stand in the table; the field only adds
    if question.id not in writing.answers:
        return dict(forms.raw_of(question, prefill.known(question, writing.context)))
    value = writing.answers[question.id]
    raw: dict[str, Any] = dict(forms.raw_of(question, value))
    if question.type is QuestionType.ADDRESS and value is not None:
        options = forms.offered(question, writing.context)
        line = value.get("line") if isinstance(value, Mapping) else value
        if line in options and not (isinstance(value, Mapping) and "region" in value):
            return {question.id: str(options.index(str(line)))}
    return raw


def _parts(writing: Writing, question: Question) -> dict[str, Any]:
    value = writing.answers.get(question.id)
    kept = uploads_in(value) if question.type in UPLOADS else []
    parts: dict[str, Any] = {
        "options": forms.offered(question, writing.context),
        "kept": kept[0] if kept and question.type is not QuestionType.FILES else None,
        "kept_files": kept if question.type is QuestionType.FILES else [],
        "is_check_again": question.id in writing.check_again,
        "is_typed": question.type in TYPED,
        "found": found_shown(question, writing.found.get(question.id)),
    }
    if question.regions:
        places = places_in(writing.context)
        language = current_language()
        parts["regions"] = [
            {"value": code, "label": names.in_language(language)}
            for code, names in places.regions.items()
        ]
        parts["streets"] = [name for names in places.streets.values() for name in names][:500]
    if question.type is QuestionType.TABLE:
        parts["rows_at"] = reverse(
            "application_row", args=[writing.draft.id, question.id, 0]
        ).removesuffix("0/")
        parts["rows"] = forms.rows_shown(question, value, current_language())
        parts["sums"] = [
            {"label": q.ask, "value": answer_shown(q, writing.answers.get(q.id))}
            for q in writing.whole.questions
            if q.type is QuestionType.COMPUTED
            and q.value is not None
            and f"answers.{question.id}" in q.value.source
        ]
    return parts


def _back(draft: Draft, ids: list[str], place: int, *, is_change: bool) -> str:
    if is_change:
        return reverse("application_check", args=[draft.id])
    if place == 0:
        return reverse("service", args=[draft.service])
    return reverse("application_question", args=[draft.id, ids[place - 1]])
