"""Why the system decided without a person: rule, law, and what was laid against it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pencere.kernel.dates import format_date, format_instant
from pencere.services import forms
from pencere.services.model.casework import Check, CheckKind
from pencere.services.model.common import Basis, Role
from pencere.services.model.definition import Definition
from pencere.web.cases.domain import definitions, reading
from pencere.web.cases.domain.reading import Opened
from pencere.web.cases.models import CaseEvent
from pencere.web.country import country
from pencere.web.exchange.registers import register
from pencere.web.portal.applications.shown import Row, answer_shown, label_of, value_shown
from pencere.web.texts import current_language, t


@dataclass(frozen=True, slots=True)
class Source:
    """Records of one register that a rule was laid against; without any, it knew none."""

    title: str
    records: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that led to the decision. `passed` None: time did, nothing was checked."""

    name: str
    at: str
    passed: bool | None
    rule: str
    laws: tuple[str, ...]
    sources: tuple[Source, ...] = ()
    answers: tuple[Row, ...] = ()


def explained(opened: Opened, role: Role) -> list[Step]:
    """Return the steps of a decision that no person made, in order; else nothing.

    A field that `role` may not see is left out; that its register was asked is not.
    """
    if opened.case.closed_at is None:
        return []
    events = list(opened.case.events.all())
    versions = definitions.under_which(opened.case, events)
    steps: list[Step] = []
    for event, version in zip(events, versions, strict=True):
        if event.kind == "acted":
            steps = []
            since_act = events[events.index(event) + 1 :]
            if not any(one.kind in {"checked", "timer", "silence"} for one in since_act):
                return []
        elif (step := _step(opened, event, version, role)) is not None:
            steps.append(step)
    return steps


def _step(opened: Opened, event: CaseEvent, version: Definition, role: Role) -> Step | None:
    at, language = format_instant(event.at, current_language()), current_language()
    state = version.states.get(event.state)
    if state is None:
        return None
    if event.kind in {"timer", "silence"}:
        key = f"explained.{event.kind}"
        if event.kind == "silence":
            key += "_accepts" if event.facts.get("means") == "accept" else "_refuses"
        name = state.name.in_language(language)
        return Step(t("explained.time"), at, None, t(key, state=name), _laws(version.basis))
    if event.kind != "checked":
        return None
    check = next((one for one in state.checks if one.id == event.facts.get("check")), None)
    if check is None:
        return None
    passed = event.facts.get("outcome") == "passed"
    name = check.name.in_language(language)
    if check.kind is not CheckKind.CONDITION:
        return Step(name, at, passed, t(f"explained.{check.kind.value}"), _laws(version.basis))
    event.case = opened.case
    grounds = reading.words_of(event).get("grounds") or {}
    return Step(
        name,
        at,
        passed,
        check.rule.in_language(language) if check.rule is not None else "",
        _laws((check.basis,) if check.basis is not None else version.basis),
        tuple(_sources(version, grounds, role)),
        tuple(_answers(version, check, grounds)),
    )


def _sources(version: Definition, grounds: Mapping[str, Any], role: Role) -> Iterable[Source]:
    language = current_language()
    for name, said in grounds.get("facts", {}).items():
        source, fact = register(said["register"]), version.fact(name)
        sees = fact is not None and role in fact.to
        labels = fact.labels if fact is not None else {}
        names = (fact.title if fact is not None else None, source.names)
        yield Source(
            " · ".join(one.in_language(language) for one in names if one is not None),
            tuple(_record(one) for one in said["records"]),
            tuple(
                Row(
                    label_of(source, field, labels.get(field)),
                    value_shown(value, language, source.fields.get(field)),
                )
                for one in said["records"]
                for field, value in one["fields"].items()
                if sees
            ),
        )


def _record(record: Mapping[str, Any]) -> str:
    since = record.get("since")
    if not since:
        return t("explained.record", version=record.get("version"))
    day = format_date(date.fromisoformat(str(since)[:10]), current_language())
    return t("explained.record_since", version=record.get("version"), date=day)


def _answers(version: Definition, check: Check, grounds: Mapping[str, Any]) -> Iterable[Row]:
    given = forms.from_stored(version, grounds.get("answers", {})).answers
    for question in version.questions:
        if question.id in given:
            label = question.ask.in_language(current_language())
            yield Row(label, answer_shown(question, given[question.id]))
    if "today" in grounds:
        day = date.fromisoformat(grounds["today"])
        yield Row(t("explained.today"), format_date(day, current_language()))


def _laws(bases: Iterable[Basis]) -> tuple[str, ...]:
    language, acts = current_language(), country().acts
    names = (
        (acts[one.act].names.in_language(language) if one.act in acts else one.act, one.article)
        for one in bases
    )
    return tuple(
        dict.fromkeys(f"{name}, {article}" if article else name for name, article in names)
    )
