"""The way through a form, worked out anew from the answers each time.

Answers to questions that are no longer on the way are kept aside: they come back when the way
does, and are never submitted. Computed questions are on the way and are never asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pencere.kernel.errors import Invalid
from pencere.services import answers as _answers
from pencere.services.answers import (
    FieldError,
    FieldErrors,
    Upload,
    clean,
    offered,
    raw_of,
    rows_shown,
    shown,
)
from pencere.services.expressions import Absent, evaluate, holds_if_known
from pencere.services.model.definition import Definition
from pencere.services.model.question import UPLOADS, Question, QuestionType
from pencere.services.prefill import is_locked

__all__ = [
    "FieldError",
    "FieldErrors",
    "Restored",
    "Upload",
    "Way",
    "aside",
    "broken",
    "clean",
    "from_stored",
    "next_question",
    "offered",
    "on_route",
    "raw_of",
    "route",
    "rows_shown",
    "shown",
    "to_stored",
    "walk",
]


@dataclass(frozen=True, slots=True)
class Restored:
    """A stored draft: answers that still fit, and ids to check again because they do not."""

    answers: Mapping[str, object]
    check_again: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """The questions on the way with those that are computed, and the answers they have."""

    questions: list[Question] = field(default_factory=list)
    answers: dict[str, object] = field(default_factory=dict)

    @property
    def asked(self) -> list[Question]:
        """The questions that have a page."""
        return [q for q in self.questions if q.type is not QuestionType.COMPUTED]

    @property
    def computed(self) -> dict[str, object]:
        """The values that were worked out on the way, None where something they read is absent."""
        ids = (q.id for q in self.questions if q.type is QuestionType.COMPUTED)
        return {name: self.answers.get(name) for name in ids}


def walk(
    definition: Definition, answers: Mapping[str, object], context: Mapping[str, object]
) -> Way:
    """Go the way as far as the answers decide, and work out what is computed on it.

    The `when` of a question or of a section sees only answers to questions before it that are
    on the way themselves. A computed value over something absent is absent.
    """
    way = Way()
    known = {**context, "answers": way.answers}
    sections: dict[str, bool] = {}
    for question in definition.questions:
        section = definition.sections.get(question.section or "")
        if section is not None and section.id not in sections:
            sections[section.id] = section.when is None or holds_if_known(section.when, known)
        if section is not None and not sections[section.id]:
            continue
        if question.when is not None and not holds_if_known(question.when, known):
            continue
        way.questions.append(question)
        if question.type is QuestionType.COMPUTED:
            value = _computed(question, known)
            if value is not None:
                way.answers[question.id] = value
        elif question.id in answers:
            way.answers[question.id] = answers[question.id]
    return way


def route(
    definition: Definition, answers: Mapping[str, object], context: Mapping[str, object]
) -> list[Question]:
    """Return the questions on the way that are asked, in order."""
    return walk(definition, answers, context).asked


def next_question(
    definition: Definition, answers: Mapping[str, object], context: Mapping[str, object]
) -> Question | None:
    """Return the first question on the way without an answer; None: all are answered.

    An optional question left empty is answered by None.
    """
    way = route(definition, answers, context)
    return next((question for question in way if question.id not in answers), None)


def on_route(
    definition: Definition, answers: Mapping[str, object], context: Mapping[str, object]
) -> dict[str, object]:
    """Return the answers to submit: those on the way and not empty, and what is computed."""
    way = walk(definition, answers, context)
    return {key: value for key, value in way.answers.items() if value is not None}


def aside(
    definition: Definition, answers: Mapping[str, object], context: Mapping[str, object]
) -> dict[str, object]:
    """Return the answers that are kept but not submitted."""
    way = {question.id for question in route(definition, answers, context)}
    return {key: value for key, value in answers.items() if key not in way}


def broken(
    definition: Definition, answers: Mapping[str, object], context: Mapping[str, object]
) -> dict[str, tuple[FieldError, ...]]:
    """Return what is wrong with answers on the way, by question, as they are cleaned anew.

    Nothing is, unless the definition, the facts or an answer before changed since. A value that
    is locked is the register's and no fault of the applicant.
    """
    found: dict[str, tuple[FieldError, ...]] = {}
    way = walk(definition, answers, context)
    around = {**context, "answers": way.answers}
    for question in way.asked:
        if question.id not in answers or is_locked(question, context):
            continue
        try:
            clean(question, _raw_again(question, answers[question.id]), around)
        except FieldErrors as refusal:
            found[question.id] = refusal.errors
    return found


def _raw_again(question: Question, value: object) -> _answers.Raw:
    if question.type not in UPLOADS or value is None:
        return raw_of(question, value)
    several = value if isinstance(value, list) else [value]
    uploads = [Upload(**one) for one in several if isinstance(one, Mapping)]
    return {question.id: uploads if question.type is QuestionType.FILES else uploads[0]}


def to_stored(answers: Mapping[str, object]) -> dict[str, object]:
    """Return answers as JSON."""
    return {key: _answers.to_stored(value) for key, value in answers.items()}


def from_stored(definition: Definition, stored: Mapping[str, object]) -> Restored:
    """Return the answers of a draft under this version, matched by the ids of the questions.

    A draft follows to the newest version this way. Ids the version no longer knows are left out
    of `answers` (the stored draft keeps them); answers that no longer fit are listed.
    """
    known: dict[str, object] = {}
    changed: list[str] = []
    for key, value in stored.items():
        question = definition.question(key)
        if question is None:
            continue
        try:
            known[key] = _answers.from_stored(question, value)
        except Invalid:
            changed.append(key)
    return Restored(known, tuple(changed))


def _computed(question: Question, context: Mapping[str, object]) -> object:
    """Return a computed value in the type the question says, None over something absent.

    Raises:
        Invalid: "expression.failed", "expression.other_type": a mistake of the definition.
    """
    if question.value is None:
        return None
    try:
        value = evaluate(question.value, context)
        return _answers.from_stored(question, _answers.to_stored(value))
    except Absent:
        return None
    except Invalid as error:
        if error.code != "answer.changed":
            raise
        raise Invalid("expression.other_type", key=question.value.key) from error
