"""Believable values for a preview and for trying a template, worked out from the definition."""

from collections.abc import Mapping
from datetime import date, timedelta

from pencere.registers.definition import Definition as Register
from pencere.services.effects import Issue, prepare
from pencere.services.model.casework import Effect, EffectKind
from pencere.services.model.definition import Definition, Fact
from pencere.services.model.question import Question, QuestionType
from pencere.services.places import Places

SAMPLE_FIN = "5ABCDE1"
_WORDS = {"family": "Məmmədova", "given": "Şəbnəm", "patronymic": "Əli qızı"}


def sample_applicant(given: Mapping[str, object]) -> dict[str, object]:
    """Return an applicant of whom so much is `given`; who signs is the applicant, unless said."""
    names = {"given_name": _WORDS["given"], "surname": _WORDS["family"]}
    said = {"fin": SAMPLE_FIN, **names, **given}
    return {"signer": said["fin"], **said}


def sample_context(
    definition: Definition, registers: Mapping[str, Register], today: date
) -> dict[str, object]:
    """Return a context in which every fact is there and every question answered."""
    facts = {
        fact.id: _sample_fact(fact, registers.get(fact.register), today)
        for fact in definition.facts
    }
    return {
        "applicant": sample_applicant({}),
        "facts": facts,
        "answers": {
            question.id: sample_answer(question, today)
            for question in definition.questions
            if question.type is not QuestionType.COMPUTED
        },
        "today": today,
    }


def sample_answer(  # noqa: PLR0911, a table of types reads better than a variable
    question: Question, today: date, places: Places | None = None
) -> object:
    """Return an answer of the question's type; `places` makes it one of the country."""
    values: dict[QuestionType, object] = {
        QuestionType.YES_NO: True,
        QuestionType.DECLARATION: True,
        QuestionType.TEXT: "Nümunə"[: question.maximum].ljust(question.minimum or 0, "."),
        QuestionType.EMAIL: "numune@example.az",
        QuestionType.DATE: today,
        QuestionType.NUMBER: question.minimum or 1,
        QuestionType.DECIMAL: question.minimum or 10**question.decimals,
        QuestionType.MONEY: question.minimum or 100,
        QuestionType.PHONE: "+994501234567",
        QuestionType.IBAN: "AZ21NABZ00000000137010001944",
        QuestionType.ADDRESS: "Bakı şəhəri, Nizami küçəsi 1",
    }
    upload = {"id": "sample", "name": "foto.jpg", "media_type": "image/jpeg"}
    picture = {**upload, "size_bytes": 100_000, "width": 413, "height": 531}
    match question.type:
        case QuestionType.ONE_OF:
            return question.choices[0].value
        case QuestionType.MANY_OF:
            return [choice.value for choice in question.choices[: question.minimum or 1]]
        case QuestionType.TABLE:
            row = {column.id: sample_answer(column, today, places) for column in question.columns}
            return [row] * (question.minimum or 1)
        case QuestionType.FILES:
            return [picture] * (question.minimum or 1)
        case QuestionType.COMPANY | QuestionType.PERSON | QuestionType.PLATE | QuestionType.VEHICLE:
            return _sample_number(question, places)
        case QuestionType.ADDRESS if question.regions:
            code, names = next(iter(places.regions.items())) if places else ("", None)
            line = {"line": "Nizami küçəsi 1"}
            return {"region": code, "region_name": names.az, **line} if names else line
        case QuestionType.POINT:
            (south, north), (west, east) = places.bounds if places else ((0, 0), (0, 0))
            return {"latitude": (south + north) // 2, "longitude": (west + east) // 2}
        case _:
            return values.get(question.type, picture)


def _sample_number(question: Question, places: Places | None) -> object:
    code = min(places.plate_codes) if places else "10"
    numbers = {QuestionType.COMPANY: "1234567091", QuestionType.PERSON: SAMPLE_FIN}
    number = numbers.get(question.type, f"{code}-AA-123")
    if question.look_up is None:
        return number
    return {"number": number, "found": dict.fromkeys(question.look_up.show, "Nümunə")}


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
