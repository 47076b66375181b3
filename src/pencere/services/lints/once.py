"""Ask once: no question for what the state has, none on personal data without a word on why.

What an answer is about is said by `concept`, in the words of the country's concepts.yaml, or by the
type of the question. Which register has it stands in state_register.yaml.
"""

from collections.abc import Iterator
from itertools import chain

from pencere.services.lints.surroundings import Problem, Rule, Surroundings
from pencere.services.model.definition import Definition
from pencere.services.model.question import Question, QuestionType

# What these are about by themselves.
_BY_TYPE = {
    QuestionType.PHOTO: "face-image",
    QuestionType.PHONE: "phone",
    QuestionType.EMAIL: "email",
    QuestionType.PERSON: "person-number",
}


def _questions(definition: Definition) -> Iterator[tuple[str, Question]]:
    for index, question in enumerate(definition.questions):
        place = f"questions.{index}"
        yield place, question
        yield from (
            (f"{place}.columns.{number}", column) for number, column in enumerate(question.columns)
        )


def _known(definition: Definition, around: Surroundings) -> Iterator[Problem]:
    for place, question in _questions(definition):
        if question.concept is not None and question.concept not in around.concepts:
            known = ", ".join(around.concepts) or "no concept: the country has no concepts.yaml"
            yield f"{place}.concept", question.concept, "no such concept", known


def _asked_once(definition: Definition, around: Surroundings) -> Iterator[Problem]:
    for place, question in _questions(definition):
        if question.concept is None or question.prefill is not None or question.although:
            continue
        holding = around.holding.get(question.concept, ())
        if holding:
            yield (
                place,
                question.id,
                f"is asked though the state has it: {', '.join(holding)}",
                "a fact with `from: facts...`, or `although: {az, en, ru}`: why it is asked",
            )


def _why(definition: Definition, around: Surroundings) -> Iterator[Problem]:
    for place, question in _questions(definition):
        concept = question.concept or _BY_TYPE.get(question.type, "")
        is_personal = around.concepts.get(concept, "none") != "none"
        said = chain((question.hint, question.help, question.although))
        if is_personal and not any(said):
            yield place, question.id, "asks personal data and does not say why", "hint or help"


ONCE_RULES: tuple[Rule, ...] = (_known, _asked_once, _why)
