"""Believable values for a preview and for trying a template, worked out from the definition."""

from collections.abc import Mapping
from datetime import date, timedelta

from pencere.registers.definition import Definition as Register
from pencere.services.effects import Issue, prepare
from pencere.services.model import Definition, Effect, EffectKind, Fact, Question, QuestionType

SAMPLE_FIN = "5ABCDE1"
_WORDS = {"family": "Məmmədova", "given": "Şəbnəm", "patronymic": "Əli qızı"}


def sample_context(
    definition: Definition, registers: Mapping[str, Register], today: date
) -> dict[str, object]:
    """Return a context in which every fact is there and every question answered."""
    facts = {
        fact.id: _sample_fact(fact, registers.get(fact.register), today)
        for fact in definition.facts
    }
    return {
        "applicant": {"fin": SAMPLE_FIN, "phone": "+994501234567", "language": "az"},
        "facts": facts,
        "answers": {
            question.id: sample_answer(question, today) for question in definition.questions
        },
        "today": today,
    }


def sample_answer(question: Question, today: date) -> object:
    """Return an answer of the question's type."""
    values: dict[QuestionType, object] = {
        QuestionType.YES_NO: True,
        QuestionType.TEXT: "Nümunə",
        QuestionType.DATE: today,
        QuestionType.NUMBER: question.minimum or 1,
        QuestionType.MONEY: question.minimum or 100,
        QuestionType.PHONE: "+994501234567",
        QuestionType.ADDRESS: "Bakı şəhəri, Nizami küçəsi 1",
    }
    if question.type is QuestionType.ONE_OF:
        return question.choices[0].value
    upload = {"id": "sample", "name": "foto.jpg", "media_type": "image/jpeg"}
    return values.get(question.type, {**upload, "size_bytes": 100_000, "width": 413, "height": 531})


def issued(definition: Definition, context: Mapping[str, object], today: date) -> list[Issue]:
    """Return every document the service can issue, with its values for this context."""
    decided = {
        "number": "NÜMUNƏ-2026-000001",
        "state": definition.initial,
        "decided_on": today,
        "reasons": ["Nümunə"],
        "comment": "",
    }
    found = []
    for state in definition.states.values():
        results = {effect.id: _result(effect, definition, context) for effect in state.effects}
        around = {**context, "case": {**decided, "state": state.id}, "effects": results}
        for effect in state.effects:
            if effect.kind is EffectKind.ISSUE:
                prepared = prepare(definition, effect, around)
                if isinstance(prepared, Issue):
                    found.append(prepared)
    return found


def _result(
    effect: Effect, definition: Definition, context: Mapping[str, object]
) -> dict[str, object]:
    if effect.kind is not EffectKind.WRITE:
        return {}
    number = {effect.number: "AA 000001"} if effect.number else {}
    decided = {"number": "1", "state": definition.initial, "reasons": [], "comment": ""}
    prepared = prepare(definition, effect, {**context, "case": decided, "effects": {}})
    data = getattr(prepared, "data", {})
    return {"id": "sample", "version": 1, **data, **number}


def _sample_fact(fact: Fact, register: Register | None, today: date) -> object:
    fields = register.disclosure.get(fact.purpose, ()) if register else fact.show
    properties = register.schema.get("properties") if register else None
    kinds = properties if isinstance(properties, Mapping) else {}
    value = {name: _sample_value(name, kinds.get(name), today) for name in fields}
    value |= {"_id": "sample", "_version": 1, "_state": "valid", "_valid_from": today}
    return [value] if fact.many else value


def _sample_value(name: str, kind: object, today: date) -> object:
    kind = kind if isinstance(kind, Mapping) else {}
    choices = kind.get("enum")
    if name in _WORDS:
        return _WORDS[name]
    if isinstance(choices, list) and choices:
        return choices[0]
    if kind.get("format") == "date":
        return today + timedelta(days=30)
    if kind.get("type") == "array":
        return [_sample_value(name, kind.get("items"), today)]
    plain: dict[object, object] = {"integer": 1, "number": 1, "boolean": True}
    return plain.get(kind.get("type"), SAMPLE_FIN if name == "fin" else "Nümunə")
