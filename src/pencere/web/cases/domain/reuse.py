"""Answers of an earlier application to the same service, offered for a new one.

Files are never taken over: how long each is kept is the matter of the case it belongs to. Nor is
what the state says, what is computed, and what must be declared anew.
"""

import json
from datetime import datetime

from pencere.services import forms
from pencere.services.forms import FieldErrors
from pencere.services.model.question import UPLOADS, Question, QuestionType
from pencere.web.cases.domain import drafts
from pencere.web.cases.domain.drafts import Writing
from pencere.web.cases.models import Case
from pencere.web.people.vault import vault


def earlier_of(writing: Writing) -> Case | None:
    """Return the person's last case of this service, while nothing is answered in the draft."""
    if writing.answers or writing.typed:
        return None
    draft = writing.draft
    found = Case.objects.filter(person=draft.person, service=draft.service)
    return found.exclude(application_sealed=None).order_by("-submitted_at").first()


def take_over(*, writing: Writing, case: Case, at: datetime) -> list[str]:
    """Answer the draft with what still fits; return the ids of the questions answered.

    Each answer is cleaned again under the newest version, in the order of the way, so that a
    rule, a choice or a fact that has changed since counts. The first that does not fit is left
    open; those after it are tried too.
    """
    said = json.loads(vault().open_bytes(bytes(case.application_sealed), case.id.bytes))
    restored = forms.from_stored(writing.definition, said["answers"]).answers
    taken: dict[str, object] = {}
    tried: set[str] = set()
    while (question := _next(writing, taken, tried)) is not None:
        tried.add(question.id)
        if question.id not in restored or not _may_be_taken(question):
            continue
        around = {**writing.context, "answers": taken}
        try:
            raw = forms.raw_of(question, restored[question.id])
            value = forms.clean(question, raw, around)
        except FieldErrors:
            continue
        if value is not None:
            taken[question.id] = value
    for name, value in taken.items():
        drafts.answer(draft=writing.draft, question=name, value=value, at=at)
    return list(taken)


def _next(writing: Writing, taken: dict[str, object], tried: set[str]) -> Question | None:
    way = forms.route(writing.definition, taken, writing.context)
    return next((question for question in way if question.id not in tried), None)


def _may_be_taken(question: Question) -> bool:
    return (
        question.type not in UPLOADS
        and question.type is not QuestionType.DECLARATION
        and question.prefill is None
        and question.look_up is None
    )
