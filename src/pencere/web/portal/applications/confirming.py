"""A number that names somebody or something: looked up, shown, and taken when it is confirmed."""

from collections.abc import Mapping

from django.http import HttpRequest

from pencere.services.forms import FieldError, FieldErrors
from pencere.services.model.question import Question, QuestionType
from pencere.services.words import say
from pencere.web.cases.domain import drafts, lookups
from pencere.web.cases.domain.drafts import Writing
from pencere.web.exchange import gateway
from pencere.web.portal.applications.opening import now

_NOT_FOUND = {
    QuestionType.COMPANY: "voen.not_found",
    QuestionType.PERSON: "fin.not_found",
    QuestionType.VEHICLE: "plate.not_found",
}


def confirmed(
    request: HttpRequest, writing: Writing, question: Question, value: object
) -> object | None:
    """Return the answer with what the register said; None: it is shown first.

    The number confirmed must be the one that was looked up: another is looked up anew.

    Raises:
        FieldErrors: the register has no valid record of this number.
        Unavailable, Refused: see `lookups.look_up`.
    """
    number = str(value["number"]) if isinstance(value, Mapping) else ""
    waiting = writing.found.get(question.id)
    if waiting is not None and waiting["number"] == number and "confirm" in request.POST:
        return {"number": number, "found": waiting["found"]}
    before = writing.answers.get(question.id)
    if isinstance(before, Mapping) and before.get("number") == number and "found" in before:
        return dict(before)
    assert question.look_up is not None  # noqa: S101, asked only of those
    found = lookups.look_up(
        draft=writing.draft, asked=question.look_up, number=number, gateway=gateway(), at=now()
    )
    if found is None:
        code = _NOT_FOUND[question.type]
        raise FieldErrors([FieldError(question.id, code, say(code))])
    waits = {"number": number, "found": dict(found)}
    drafts.keep_found(draft=writing.draft, question=question.id, found=waits, at=now())
    return None
