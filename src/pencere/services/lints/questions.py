"""Questions: their ids, their sections, their columns, and the registers they look into."""

from collections import Counter
from collections.abc import Iterator

from pencere.services.lints.surroundings import Problem, Rule, Surroundings
from pencere.services.model.definition import Definition
from pencere.services.model.question import UPLOADS, LookUp, QuestionType
from pencere.services.prefill import fact_of

# What is chosen, added or agreed to by the person alone.
_NEVER_KNOWN = UPLOADS | {QuestionType.TABLE, QuestionType.DECLARATION, QuestionType.COMPUTED}


def _ids(definition: Definition, _: Surroundings) -> Iterator[Problem]:
    counted = Counter(question.id for question in definition.questions)
    for question_id, times in counted.items():
        if times > 1:
            yield "questions", question_id, "stands twice", "an id of its own"
    fields = Counter(field for q in definition.questions for field in q.fields())
    for field, times in fields.items():
        if times > 1 and field not in counted:
            yield "questions", field, "two questions have a field of this name", "another id"
    asked = {
        (f"case.states.{state.id}.asks", name)
        for state in definition.states.values()
        for name in state.asks
    } | {
        (f"case.states.{state.id}.actions.{action.id}.ask_applicant", name)
        for state in definition.states.values()
        for action in state.actions
        for name in action.ask_applicant
    }
    for key, name in sorted(asked):
        question = definition.question(name)
        if question is None:
            yield key, name, "no such question", min(counted, default="a question")
        elif question.type is QuestionType.COMPUTED:
            yield key, name, "is computed and cannot be asked", "a question it is computed from"


def _kinds(definition: Definition, _: Surroundings) -> Iterator[Problem]:
    for index, question in enumerate(definition.questions):
        key = f"questions.{index}"
        if question.offer is not None and question.type is not QuestionType.ADDRESS:
            yield f"{key}.offer", question.id, "only an address offers", "address"
        low, high = question.minimum, question.maximum
        if low is not None and high is not None and low > high:
            yield f"{key}.minimum", low, "is more than the maximum", high
        most = len(question.choices)
        if question.type is QuestionType.MANY_OF and (low or 0) > most:
            yield f"{key}.minimum", low, "more choices than there are", most
        columns = Counter(column.id for column in question.columns)
        for column_id, times in columns.items():
            if times > 1:
                yield f"{key}.columns", column_id, "stands twice", "an id of its own"


def _prefilled(definition: Definition, _: Surroundings) -> Iterator[Problem]:
    for index, question in enumerate(definition.questions):
        key = f"questions.{index}"
        if question.prefill is None:
            if question.locked:
                yield f"{key}.locked", True, "nothing is known to lock", "from: facts.person.born"
            continue
        if question.type in _NEVER_KNOWN:
            yield f"{key}.from", question.id, "the state never has this answer", "a text or a date"
        if not fact_of(question):
            source = question.prefill.source
            yield f"{key}.from", source, "reads no fact", "facts.person.born"


def _sections(definition: Definition, _: Surroundings) -> Iterator[Problem]:
    ended: set[str] = set()
    before = ""
    for index, question in enumerate(definition.questions):
        section = question.section or ""
        key = f"questions.{index}.section"
        if section and section not in definition.sections:
            known = next(iter(definition.sections), "a section")
            yield key, section, "no such section", known
        if section != before:
            ended.add(before)
            if section and section in ended:
                yield key, section, "the section was over", "questions of a section side by side"
        before = section
    used = {question.section for question in definition.questions}
    for section in definition.sections:
        if section not in used:
            yield f"sections.{section}", section, "has no questions", "a question in it"


def _look_ups(definition: Definition, around: Surroundings) -> Iterator[Problem]:
    for index, question in enumerate(definition.questions):
        if question.look_up is not None:
            for key, value, message, example in _look_up(question.look_up, around):
                yield f"questions.{index}.look_up.{key}", value, message, example


def _look_up(look_up: LookUp, around: Surroundings) -> Iterator[Problem]:
    if look_up.basis not in around.acts:
        yield "basis", look_up.basis, "no such act", min(around.acts, default="")
    if look_up.purpose not in around.country.purposes:
        example = next(iter(around.country.purposes))
        yield "purpose", look_up.purpose, "no such purpose", example
    register = around.registers.get(look_up.register)
    if register is None:
        yield "in", look_up.register, "no such register", min(around.registers, default="")
        return
    usable = {name for name, key in register.keys.items() if key.kind != "blocking"}
    if look_up.by not in usable:
        yield "by", look_up.by, "the register cannot be asked by it", min(usable)
    disclosed = register.disclosure.get(look_up.purpose)
    if disclosed is None:
        yield "purpose", look_up.purpose, "the register does not know it", min(register.disclosure)
        return
    for field in look_up.show:
        if field not in disclosed:
            yield "show", field, "is not disclosed for this purpose", disclosed[0]


QUESTION_RULES: tuple[Rule, ...] = (_ids, _kinds, _prefilled, _sections, _look_ups)
