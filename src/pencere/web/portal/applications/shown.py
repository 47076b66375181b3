"""Facts, answers and fees as a page shows them, in the reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pencere.kernel.clock import BAKU
from pencere.kernel.dates import format_date, format_instant
from pencere.kernel.errors import Invalid, Missing
from pencere.kernel.text import Text
from pencere.services import facts as engine
from pencere.services import forms
from pencere.services.catalogue import Entry
from pencere.services.eligibility import NotEligible
from pencere.services.fees import Fee
from pencere.services.model.common import Role
from pencere.services.model.definition import Definition
from pencere.services.model.question import Question
from pencere.web.cases.domain.drafts import Writing
from pencere.web.catalogue.domain.services import catalogue
from pencere.web.country import country
from pencere.web.exchange.registers import Field, Register, register
from pencere.web.texts import current_language


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled value."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class ShownFact:
    """What one register said, with its source."""

    id: str
    title: str
    register: str
    asked_at: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class FeeLine:
    """An item of a fee with its act."""

    name: str
    amount: int
    act: str
    is_provisional: bool


def facts_of(writing: Writing) -> list[ShownFact]:
    """Return what registers said, for the applicant."""
    return [
        shown
        for fact in writing.definition.facts
        if (asked_at := writing.told.asked_at.get(fact.id)) is not None
        and (
            shown := shown_fact(
                writing.definition,
                fact.id,
                writing.told.values.get(fact.id),
                asked_at,
                Role.APPLICANT,
            )
        )
    ]


def shown_fact(
    definition: Definition, name: str, value: Any, asked_at: str, role: Role
) -> ShownFact | None:
    """Return one fact as `role` may see it; None for a fact the definition no longer has."""
    fact = definition.fact(name)
    if fact is None:
        return None
    language = current_language()
    source = register(fact.register)
    found = engine.shown(fact, value, role) if value is not None else []
    rows = tuple(
        Row(label_of(source, field, label), value_shown(one, language, source.fields.get(field)))
        for field, label, one in found
    )
    return ShownFact(
        id=name,
        title=fact.title.in_language(language),
        register=source.names.in_language(language),
        asked_at=format_instant(datetime.fromisoformat(asked_at), language),
        rows=rows,
    )


def label_of(source: Register, field: str, label: Text | None = None) -> str:
    """Return how a field is called: by the definition, else by the register itself."""
    language = current_language()
    if label is not None:
        return label.in_language(language)
    known = source.fields.get(field)
    return known.name.in_language(language) if known is not None else field


def value_shown(value: Any, language: str, field: Field | None = None) -> str:
    """Return a register's value as people read it; a code in the words of its register."""
    match value:
        case list() | tuple():
            return ", ".join(value_shown(one, language, field) for one in value)
        case str() if field is not None and value in field.values:
            return field.values[value].in_language(language)
        case Mapping():
            text = value.get(language)
            return str(text) if text else ", ".join(str(one) for one in value.values())
        case str() if _is_day(value):
            return format_date(date.fromisoformat(value), language)
        case date():
            return format_date(value, language)
        case _:
            return str(value)


def answer_shown(question: Question, value: object) -> str:
    """Return an answer as its person reads it."""
    return forms.shown(question, value, current_language())


def found_shown(question: Question, waiting: Mapping[str, Any] | None) -> list[Row]:
    """Return what a register said of a number that waits to be confirmed."""
    if waiting is None or question.look_up is None:
        return []
    source = register(question.look_up.register)
    language = current_language()
    return [
        Row(label_of(source, name), value_shown(value, language, source.fields.get(name)))
        for name, value in waiting["found"].items()
    ]


def fee_lines(fee: Fee) -> list[FeeLine]:
    """Return the items of a fee with the names of their acts."""
    language = current_language()
    lines = []
    for line in fee.lines:
        act = country().acts.get(line.act)
        name = act.names.in_language(language) if act is not None else line.act
        lines.append(
            FeeLine(
                name=line.name.in_language(language),
                amount=line.amount,
                act=f"{name}, {line.article}" if line.article else name,
                is_provisional=line.provisional,
            )
        )
    return lines


def instead_of(verdict: NotEligible) -> Entry | None:
    """Return the service that helps instead, None when there is none in the catalogue."""
    if verdict.instead is None:
        return None
    try:
        return catalogue().get(verdict.instead)
    except (Missing, Invalid):
        return None


def time_of(instant: datetime) -> str:
    """Return the time of day in Baku."""
    return f"{instant.astimezone(BAKU):%H:%M}"


def _is_day(value: str) -> bool:
    if len(value) != 10 or value[4] != "-":
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
