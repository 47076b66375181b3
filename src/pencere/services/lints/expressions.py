"""Expressions: each compiles, and reads only what will be there where it is used."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pencere.kernel.errors import Invalid
from pencere.services.expressions import compiled, paths
from pencere.services.lints.surroundings import Problem, Rule, Surroundings
from pencere.services.model.casework import Effect, EffectKind
from pencere.services.model.common import Expression, Role
from pencere.services.model.definition import Definition

APPLICANT_FIELDS = frozenset({"fin", "given_name", "surname", "voen", "signer"})
CASE_FIELDS = frozenset({"number", "state", "decided_on", "reasons", "comment"})
RECORD_FIELDS = frozenset({"_id", "_version", "_state", "_valid_from"})


@dataclass(frozen=True, slots=True)
class _Place:
    """An expression, the names it may read, and the facts and answers known there."""

    expression: Expression
    names: frozenset[str]
    facts: frozenset[str]
    answers: frozenset[str]
    fact: str | None = None  # whose `only` this is
    effects: frozenset[str] = frozenset()
    row: frozenset[str] = frozenset()  # columns of a table


_BEFORE = frozenset({"applicant", "facts", "today"})
_FORM = _BEFORE | {"answers"}
_EFFECT = _FORM | {"effects", "case"}


def places(definition: Definition) -> Iterator[_Place]:
    """Yield every expression of a definition with what it may read."""
    yield from _of_facts(definition)
    facts = frozenset(fact.id for fact in definition.facts)
    for condition in definition.eligible:
        yield _Place(condition.holds, _BEFORE, facts, frozenset())
    yield from _of_questions(definition, facts)
    answers = frozenset(question.id for question in definition.questions)
    for state in definition.states.values():
        guards = [check.that for check in state.checks]
        guards += [guard for action in state.actions for guard in (action.when, action.unless)]
        for guard in guards:
            if guard is not None:
                yield _Place(guard, _FORM, facts, answers)
        for effect in state.effects:
            for expression in _of_effect(effect):
                waits = frozenset(effect.waits_for)
                yield _Place(expression, _EFFECT, facts, answers, effects=waits)


def _of_facts(definition: Definition) -> Iterator[_Place]:
    known: set[str] = set()
    answers = frozenset(question.id for question in definition.questions)
    for fact in definition.facts:
        before = frozenset(known)
        # What only the body sees is asked when the application is there, and may go by answers.
        is_late = Role.APPLICANT not in fact.to
        names, told = (_FORM, answers) if is_late else (_BEFORE, frozenset[str]())
        for value in fact.by.values():
            yield _Place(value, names, before, told)
        if fact.only is not None:
            yield _Place(fact.only, names | {"record"}, before, told, fact.id)
        known.add(fact.id)


def _of_questions(definition: Definition, facts: frozenset[str]) -> Iterator[_Place]:
    asked: set[str] = set()
    for question in definition.questions:
        if question.prefill is not None:
            yield _Place(question.prefill, _BEFORE, facts, frozenset())
        section = definition.sections.get(question.section or "")
        of_section = section.when if section is not None else None
        for expression in (question.when, question.offer, question.value, of_section):
            if expression is not None:
                yield _Place(expression, _FORM, facts, frozenset(asked))
        before = frozenset(asked)
        asked.add(question.id)
        for must in question.must:
            yield _Place(must.that, _FORM, facts, frozenset(asked))
        cells: set[str] = set()
        for column in question.columns:
            cells.add(column.id)
            for must in column.must:
                yield _Place(must.that, _FORM | {"row"}, facts, before, row=frozenset(cells))


def _of_effect(effect: Effect) -> Iterator[Expression]:
    yield from effect.create.values()
    yield from effect.values.values()
    if effect.annul is not None:
        yield effect.annul
    if effect.amend is not None:
        yield effect.amend


def _compile(definition: Definition, _: Surroundings) -> Iterator[Problem]:
    for place in places(definition):
        try:
            compiled(place.expression.source)
        except Invalid as error:
            problem = str(error.facts.get("problem") or error.facts.get("name") or "")
            message = f"{error.code.removeprefix('expression.')} {problem}".strip()
            yield place.expression.key, place.expression.source, message, "answers.a <= today"


def _reads(definition: Definition, around: Surroundings) -> Iterator[Problem]:
    disclosed = _disclosed(definition, around)
    written = _written(definition, around)
    for place in places(definition):
        holdings: dict[str, Mapping[str, frozenset[str] | None]] = {
            "applicant": {name: frozenset[str]() for name in APPLICANT_FIELDS},
            "case": dict.fromkeys(CASE_FIELDS),
            "answers": dict.fromkeys(place.answers),
            "facts": {name: disclosed.get(name) for name in place.facts},
            "record": dict.fromkeys(disclosed.get(place.fact or "", RECORD_FIELDS)),
            "row": dict.fromkeys(place.row),
            "effects": {name: written.get(name, frozenset()) for name in place.effects},
        }
        for path in paths(place.expression.source):
            if path[0] not in place.names:
                problem = f"{path[0]} is not known here", ", ".join(sorted(place.names))
            else:
                found = _problem(path, holdings.get(path[0], {}))
                if found is None:
                    continue
                problem = found
            yield place.expression.key, ".".join(path), *problem


def _problem(
    path: tuple[str, ...], holding: Mapping[str, frozenset[str] | None]
) -> tuple[str, str] | None:
    """`holding`: names below the root and the fields below each; None: any field."""
    if len(path) == 1:
        return None
    root, name, *fields = path
    if name not in holding:
        return f"no such name in {root}, or not known yet", ", ".join(sorted(holding)) or "nothing"
    inner = holding[name]
    if fields and inner is not None and fields[0] not in inner:
        return f"{root}.{name} has no such field", ", ".join(sorted(inner)) or "nothing"
    return None


def _written(definition: Definition, around: Surroundings) -> Mapping[str, frozenset[str]]:
    found = {}
    for state in definition.states.values():
        for effect in state.effects:
            register = around.registers.get(effect.register or "")
            if effect.kind is EffectKind.WRITE and register is not None:
                found[effect.id] = frozenset(register.fields) | {"id", "version"}
    return found


def _disclosed(definition: Definition, around: Surroundings) -> Mapping[str, frozenset[str]]:
    found = {}
    for fact in definition.facts:
        register = around.registers.get(fact.register)
        if register is not None:
            fields = register.disclosure.get(fact.purpose, ())
            found[fact.id] = frozenset(fields) | RECORD_FIELDS
    return found


EXPRESSION_RULES: tuple[Rule, ...] = (_compile, _reads)
