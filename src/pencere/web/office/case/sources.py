"""What the applicant said beside what registers say: compared where it is the same thing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pencere.kernel.dates import format_instant
from pencere.services import facts, forms, prefill
from pencere.services.model.common import Role
from pencere.services.model.definition import Fact
from pencere.services.model.question import UPLOADS, Question
from pencere.web.cases.domain.reading import Opened
from pencere.web.exchange.registers import register
from pencere.web.portal.applications.shown import label_of, value_shown
from pencere.web.texts import t

# Fields of registers that say what the certificate of the signature says of the applicant.
SIGNED = {"family": "surname", "given": "given_name"}


@dataclass(frozen=True, slots=True)
class Said:
    """A field of a register; `differs` names what another source says instead."""

    label: str
    value: str
    differs: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """What one register said at one time. `kind` is the colour of what only the body sees."""

    title: str
    source: str
    rows: tuple[Said, ...]
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """A thing the application says; `marks` are (register, value, agrees) of those that say it."""

    label: str
    value: str
    marks: tuple[tuple[str, str, bool], ...] = ()


def compared(opened: Opened, language: str) -> list[Compared]:
    """Return the applicant's name beside registers, then the answers, without files."""
    told = list(_told(opened))
    rows = [
        _name(field, str(opened.application["applicant"][signed]), told, language)
        for field, signed in SIGNED.items()
    ]
    return [*rows, *_answers(opened, language)]


def shown_to_applicant(opened: Opened, language: str) -> list[Source]:
    """Return what registers said when the applicant signed, one source after another."""
    applicant = opened.application["applicant"]
    return [
        _source(
            fact,
            value,
            asked_at=asked_at,
            role=Role.APPLICANT,
            language=language,
            applicant=applicant,
        )
        for fact, value, asked_at in _told(opened)
    ]


def for_body(opened: Opened, language: str) -> list[Source]:
    """Return what registers said to the body just now; nothing found is said too."""
    found = []
    for name, asked_at in opened.told.asked_at.items():
        fact = opened.definition.fact(name)
        if fact is None:
            continue
        value = opened.told.values.get(name)
        source = _source(
            fact, value or [], asked_at=asked_at, role=Role.OFFICER, language=language, applicant={}
        )
        found.append(
            Source(source.title, source.source, source.rows, "bad" if source.rows else "good")
        )
    return found


def _told(opened: Opened) -> Iterable[tuple[Fact, Any, str]]:
    for name, told in opened.application["facts"].items():
        fact = opened.definition.fact(name)
        if fact is not None and told["value"] is not None:
            yield fact, told["value"], told["asked_at"]


def _source(  # noqa: PLR0913, a source is all of these
    fact: Fact,
    value: Any,
    *,
    asked_at: str,
    role: Role,
    language: str,
    applicant: Mapping[str, Any],
) -> Source:
    about = register(fact.register)
    rows = []
    for field, label, one in facts.shown(fact, value, role):
        signed = applicant.get(SIGNED.get(field, ""))
        differs = signed is not None and str(signed) != str(one)
        rows.append(
            Said(
                label_of(about, field, label),
                value_shown(one, language, about.fields.get(field)),
                t("office.case.differs", value=str(signed)) if differs else "",
            )
        )
    asked = format_instant(datetime.fromisoformat(asked_at), language)
    source = t("office.case.source", register=about.names.in_language(language), time=asked)
    return Source(fact.title.in_language(language), source, tuple(rows))


def _name(field: str, said: str, told: Iterable[tuple[Fact, Any, str]], language: str) -> Compared:
    marks = []
    for fact, value, _ in told:
        if field not in fact.show or not isinstance(value, Mapping) or field not in value:
            continue
        there = str(value[field])
        marks.append((fact.title.in_language(language), there, there == said))
    return Compared(t(f"office.case.name_{field}"), said, tuple(marks))


def _answers(opened: Opened, language: str) -> list[Compared]:
    """Return the answers, without files; beside each what the state has for the same question."""
    found = []
    own_words = opened.application.get("own_words", {})
    for question in opened.definition.questions:
        if question.id not in opened.answers or question.type in UPLOADS:
            continue
        label = question.ask.in_language(language)
        said = forms.shown(question, opened.answers[question.id], language)
        marks = _known(opened, question, said, language)
        found.append(Compared(label, said or t("office.case.no_answer"), marks))
        if question.id in own_words:
            own = t("office.case.own_word", question=label)
            found.append(Compared(own, own_words[question.id], _differing(marks)))
    return found


def _known(
    opened: Opened, question: Question, said: str, language: str
) -> tuple[tuple[str, str, bool], ...]:
    known = prefill.known(question, opened.context)
    fact = opened.definition.fact(prefill.fact_of(question))
    if known is None or fact is None:
        return ()
    there = forms.shown(question, known, language)
    return ((fact.title.in_language(language), there, there == said),)


def _differing(marks: tuple[tuple[str, str, bool], ...]) -> tuple[tuple[str, str, bool], ...]:
    return tuple((source, there, False) for source, there, _ in marks)
