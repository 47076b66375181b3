"""What holds of every answer: it is there when it is asked for, and keeps its own rules."""

from collections.abc import Mapping

from pencere.services.cleaning.common import FieldError, FieldErrors, wrong
from pencere.services.expressions import holds
from pencere.services.model.question import UPLOADS, Question, QuestionType


def judged(question: Question, value: object, context: Mapping[str, object]) -> object:
    """Return the value when it may be the answer; None of an optional question may.

    Rules see the answer among the others; in a row of a table they see the cells before as `row`.

    Raises:
        FieldErrors: "answer.required" and its kin, or the question's own rules.
    """
    if value is None:
        if question.required:
            raise wrong(question, _missing(question))
        return None
    if not question.must:
        return value
    answers, row = context.get("answers"), context.get("row")
    around = {
        **context,
        "answers": {**(answers if isinstance(answers, Mapping) else {}), question.id: value},
    }
    if isinstance(row, Mapping):
        around["row"] = {**row, question.id: value}
    broken = [
        FieldError(question.fields()[0], f"{question.id}.must.{index}", must.say)
        for index, must in enumerate(question.must)
        if not holds(must.that, around)
    ]
    if broken:
        raise FieldErrors(broken)
    return value


def _missing(question: Question) -> str:
    if question.type in UPLOADS:
        return "file.required"
    return "table.required" if question.type is QuestionType.TABLE else "answer.required"
