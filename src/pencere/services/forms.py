"""The way through a form, worked out anew from the answers each time.

Answers to questions that are no longer on the way are kept aside: they come back when the way
does, and are never submitted.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pencere.kernel.errors import Invalid
from pencere.services import answers as _answers
from pencere.services.answers import FieldError, FieldErrors, Upload, clean, offered, raw_of, shown
from pencere.services.expressions import holds_if_known
from pencere.services.model import Definition, Question

__all__ = [
    "FieldError",
    "FieldErrors",
    "Restored",
    "Upload",
    "aside",
    "clean",
    "from_stored",
    "next_question",
    "offered",
    "on_route",
    "raw_of",
    "route",
    "shown",
    "to_stored",
]


@dataclass(frozen=True, slots=True)
class Restored:
    """A stored draft: answers that still fit, and ids to check again because they do not."""

    answers: Mapping[str, object]
    check_again: tuple[str, ...]


def route(
    definition: Definition, answers: Mapping[str, object], context: Mapping[str, object]
) -> list[Question]:
    """Return the questions on the way, in order, as far as the answers so far decide.

    A question's `when` sees only answers to questions before it that are on the way themselves.
    """
    way: list[Question] = []
    seen: dict[str, object] = {}
    for question in definition.questions:
        known = {**context, "answers": seen}
        if question.when is not None and not holds_if_known(question.when, known):
            continue
        way.append(question)
        if question.id in answers:
            seen[question.id] = answers[question.id]
    return way


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
    """Return the answers to submit: those on the way and not empty."""
    way = route(definition, answers, context)
    return {q.id: answers[q.id] for q in way if answers.get(q.id) is not None}


def aside(
    definition: Definition, answers: Mapping[str, object], context: Mapping[str, object]
) -> dict[str, object]:
    """Return the answers that are kept but not submitted."""
    way = {question.id for question in route(definition, answers, context)}
    return {key: value for key, value in answers.items() if key not in way}


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
