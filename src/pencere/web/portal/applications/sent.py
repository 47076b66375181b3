"""What a browser sent for a question: its fields, its files, the turn of its form."""

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest

from pencere.services.forms import Upload
from pencere.services.model.question import MOST_FILES, UPLOADS, Question, QuestionType
from pencere.web.cases.domain import attachments
from pencere.web.cases.domain.application import uploads_in
from pencere.web.cases.domain.drafts import Writing
from pencere.web.portal.applications.opening import now

_LONGEST_TURN = 9
LONGEST_OWN = 500


def raw_of(request: HttpRequest, question: Question) -> dict[str, Any]:
    """Return the fields of a question as they were sent."""
    if question.type is QuestionType.MANY_OF:
        return {question.id: request.POST.getlist(question.id)}
    return {name: request.POST.get(name, "") for name in question.fields()}


def is_given(request: HttpRequest, question: Question) -> bool:
    """Say whether anything was typed, chosen or added."""
    typed = any(request.POST.get(name, "").strip() for name in question.fields())
    return typed or bool(request.FILES.get(question.id))


def turn_of(request: HttpRequest) -> int | None:
    """Return the turn the form was made in; None when it carries none."""
    given = request.POST.get("turn", "")
    is_number = given.isascii() and given.isdigit() and len(given) <= _LONGEST_TURN
    return int(given) if is_number else None


def own_word(request: HttpRequest, question: Question) -> str:
    """Return what the applicant says against the register, without what cannot be seen."""
    given = request.POST.get(f"{question.id}-own", "").strip()
    return "".join(sign for sign in given if sign.isprintable())[:LONGEST_OWN]


def with_files(request: HttpRequest, writing: Writing, question: Question) -> dict[str, Any]:
    """Take in the files that were chosen, beside or instead of those that were taken before.

    Raises:
        FieldErrors: one is too large, of another kind, or unusable. Those before it are kept
            nowhere: nothing of the draft is changed.
    """
    before = [Upload(**one) for one in uploads_in(writing.answers.get(question.id))]
    if question.type is QuestionType.FILES:
        room = (question.maximum or MOST_FILES) + 1 - len(before)
        chosen = request.FILES.getlist(question.id)[: max(0, room)]
        return {question.id: [*before, *(_taken(one, writing, question) for one in chosen)]}
    given = request.FILES.get(question.id)
    if isinstance(given, UploadedFile):
        return {question.id: _taken(given, writing, question)}
    return {question.id: before[0] if before else None}


def takes_files(question: Question) -> bool:
    """Say whether the form of a question carries files."""
    return question.type in UPLOADS


def _taken(given: Any, writing: Writing, question: Question) -> Upload:
    name = given.name or ""
    return attachments.add(draft=writing.draft, question=question, name=name, file=given, at=now())
