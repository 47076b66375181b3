"""Storing what the case machine decided: the case, its events and its effects, all or nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Conflict
from pencere.services.case import Case as MachineCase
from pencere.services.case import Event, Planned, Transition
from pencere.services.clock import LegalClock
from pencere.services.keeping import forget_on
from pencere.services.model.common import Role
from pencere.services.model.definition import Definition
from pencere.web.appointments.interfaces import Subject, cancel_for
from pencere.web.cases.domain import definitions, desks
from pencere.web.cases.domain.outbox import enqueue
from pencere.web.cases.domain.sealing import seal, unseal
from pencere.web.cases.models import Case, CaseEvent, Effect
from pencere.web.people.models.person import Person


@dataclass(frozen=True, slots=True)
class By:
    """Who made a transition happen; a person of None is the system."""

    role: Role
    person: Person | None = None


SYSTEM = By(Role.SYSTEM)

# Events that hold words of people, or what registers said to the body.
WITH_WORDS = frozenset({"submitted", "acted", "proposed", "declined", "clock_extended"})


def machine_of(case: Case, definition: Definition) -> MachineCase:
    """Return the engine's value of a stored case."""
    return MachineCase.from_mapping(definition, unseal(case.machine_sealed, case.id.bytes))


def fill(case: Case, definition: Definition, machine: MachineCase, *, at: datetime) -> None:
    """Write the engine's value and its copies into the row; nothing is saved yet."""
    state = definition.states[machine.state]
    today_due = machine.clock.due
    case.machine_sealed = seal(machine.to_mapping(), case.id.bytes)
    case.version = machine.version
    case.state = machine.state
    case.body = state.body or definition.authority
    case.queue = state.queue or ""
    case.outcome = (state.outcome or "") if state.final else ""
    case.due = today_due
    case.is_paused = machine.clock.is_paused
    case.waits_for_applicant = any(action.by is Role.APPLICANT for action in state.actions) and (
        bool(machine.asked)
    )
    if state.final and case.closed_at is None:
        case.closed_at = at
        case.forget_on = forget_on(definition, case.outcome, local_date(at))


def store(  # noqa: PLR0913, a transition is all of these
    *,
    case: Case,
    definition: Definition,
    transition: Transition,
    by: By,
    at: datetime,
    words: Mapping[str, Any] | None = None,
    marks: Mapping[str, str] | None = None,
) -> None:
    """Store a transition of a case, in the caller's transaction.

    `words` (a comment, what registers said to the officer) are sealed into the event of the act,
    the grounds of a condition into that of the check; `marks` stand in the event of the act in
    clear.

    Raises:
        Conflict: "case.changed": somebody else was first. The caller's transaction must end.
    """
    expected = case.version
    came_from = desks.of(definition, case.state)
    fill(case, definition, transition.case, at=at)
    desk = desks.of(definition, case.state)
    if desk != came_from:
        case.officer = desks.who_had(case=case, definition=definition, desk=desk)
        case.taken_at = at if case.officer is not None else None
    columns = {
        name: getattr(case, name)
        for name in (
            "machine_sealed", "version", "state", "body", "queue", "outcome", "due", "is_paused",
            "waits_for_applicant", "closed_at", "forget_on",
            *(("officer", "taken_at") if desk != came_from else ()),
        )
    }  # fmt: skip
    changed = Case.objects.filter(pk=case.pk, version=expected).update(**columns)
    if not changed:
        raise Conflict("case.changed")
    if definition.states[case.state].appointment is None and _receives(definition):
        cancel_for(subject=Subject("case", case.number), at=at)
    add_events(case=case, events=transition.events, by=by, words=words, marks=marks)
    plan(case=case, planned=transition.effects, at=at)


def add_events(
    *,
    case: Case,
    events: Iterable[Event],
    by: By,
    words: Mapping[str, Any] | None = None,
    marks: Mapping[str, str] | None = None,
) -> None:
    """Append events in their order."""
    last = CaseEvent.objects.filter(case=case).order_by("-n").values_list("n", flat=True).first()
    rows = []
    for n, event in enumerate(events, start=(last or 0) + 1):
        person = by.person if event.by is not None else None
        has_words = words and event.kind in WITH_WORDS
        sealed = (
            words if has_words else {"grounds": _plain(event.grounds)} if event.grounds else None
        )
        rows.append(
            CaseEvent(
                case=case,
                n=n,
                at=event.at,
                kind=event.kind,
                state=event.state,
                action=event.action or "",
                by_role=by.role.value if person is not None else Role.SYSTEM.value,
                by=person,
                facts={**_plain(event.facts), **(marks or {} if event.kind == "acted" else {})},
                words_sealed=seal(sealed, case.id.bytes) if sealed else None,
            )
        )
    CaseEvent.objects.bulk_create(rows)


def plan(*, case: Case, planned: Iterable[Planned], at: datetime) -> None:
    """Put effects into the outbox and enqueue those that wait for nothing."""
    for one in planned:
        effect, is_new = Effect.objects.get_or_create(
            key=one.key,
            defaults={
                "case": case,
                "name": one.effect.id,
                "state": case.state,
                "kind": one.effect.kind.value,
                "waits_for": list(one.waits_for),
                "planned_at": at,
            },
        )
        if is_new and not one.waits_for:
            enqueue(effect.pk)


def _receives(definition: Definition) -> bool:
    return any(state.appointment is not None for state in definition.states.values())


def clock_of(case: Case) -> LegalClock:
    """Return the legal clock of a case."""
    return machine_of(case, definitions.pinned(case)).clock


def _plain(value: Any) -> Any:
    match value:
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case None | bool() | int() | str():
            return value
        case _:
            return value.isoformat() if hasattr(value, "isoformat") else str(value)
