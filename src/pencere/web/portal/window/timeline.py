"""A case as its applicant reads it: the clock, the steps, what happened."""

from dataclasses import dataclass
from datetime import date, datetime

from pencere.kernel.clock import local_date
from pencere.kernel.dates import format_date, format_instant
from pencere.services.case import Case as MachineCase
from pencere.services.model.casework import State
from pencere.services.model.definition import Definition
from pencere.web.cases.domain import definitions
from pencere.web.cases.models import Case, CaseEvent, Effect
from pencere.web.cases.models.effect import Status
from pencere.web.texts import current_language, t, texts

# What gives a term another last day, said with the day.
NEW_LAST_DAY = ("clock_extended", "clock_resumed", "clock_restarted")


@dataclass(frozen=True, slots=True)
class Clock:
    """The legal term in words; `kind` as of a tag."""

    figure: str
    tag: str
    kind: str
    note: str


@dataclass(frozen=True, slots=True)
class ShortCase:
    """A case in a list."""

    number: str
    name: str
    state: str
    kind: str
    submitted_at: str
    due: str | None
    next: str | None


def short_case(case: Case, *, at: datetime) -> ShortCase:
    """Return a case for a list."""
    definition = definitions.pinned(case)
    state = definition.states[case.state]
    language = current_language()
    return ShortCase(
        number=case.number,
        name=definition.names.in_language(language),
        state=state.name.in_language(language),
        kind=kind_of(state, case.outcome),
        submitted_at=format_instant(case.submitted_at, language),
        due=format_date(case.due, language) if case.due and case.closed_at is None else None,
        next=state.next.in_language(language) if state.next is not None else None,
    )


def kind_of(state: State, outcome: str) -> str:
    """Return the kind of the tag of a state."""
    if not state.final:
        return "warn"
    return "good" if outcome == "granted" else "bad"


def clock_of(case: Case, machine: MachineCase, *, at: datetime) -> Clock | None:
    """Return the clock; None where the law gives no term or it has not begun."""
    clock, today, language = machine.clock, local_date(at), current_language()
    if clock.deadline is None or clock.length == 0:
        return None
    due = t("case.due", date=format_date(clock.deadline, language))
    if clock.ended is not None:
        kept = bool(clock.was_kept)
        words = t("case.kept") if kept else t("case.not_kept")
        return Clock(
            figure=format_date(clock.ended, language),
            tag=words,
            kind="good" if kept else "bad",
            note=due,
        )
    left = clock.remaining(today, definitions.calendar()) or 0
    if clock.is_paused:
        return Clock(_days(left), t("case.paused"), "warn", t("case.paused_note"))
    if left < 0:
        return Clock(_days(-left), t("case.overdue"), "bad", due)
    if left == 0:
        return Clock(t("case.today"), _days(0), "warn", due)
    return Clock(_days(left), "", "good", due)


def history_of(case: Case, definition: Definition) -> list[dict[str, str]]:
    """Return what happened, oldest first, for `ui.timeline`."""
    steps = []
    events = list(CaseEvent.objects.filter(case=case))
    is_open = not definition.states[case.state].final
    arrival = max((e.n for e in events if e.kind == "entered"), default=0)
    for event, version in zip(events, definitions.under_which(case, events), strict=True):
        if is_open and event.n == arrival:
            continue  # the present state stands last
        label = _said(event, version)
        if label is not None:
            note = format_instant(event.at, current_language())
            steps.append({"label": label, "note": note, "state": "done"})
    state = definition.states[case.state]
    if not state.final:
        words = state.next.in_language(current_language()) if state.next is not None else ""
        name = state.name.in_language(current_language())
        steps.append({"label": name, "note": words, "state": "now"})
    return steps


def unfinished(case: Case) -> str:
    """Say what effects wait for: "", "preparing", "waiting" (a register), "failed"."""
    statuses = set(
        Effect.objects.filter(case=case)
        .exclude(status=Status.DONE)
        .values_list("status", flat=True)
    )
    if Status.FAILED in statuses:
        return "failed"
    if Status.WAITING in statuses:
        return "waiting"
    return "preparing" if statuses else ""


def _said(event: CaseEvent, definition: Definition) -> str | None:
    language = current_language()
    state = definition.states.get(event.state)
    if event.kind == "clock_started" and definition.term.length == 0:
        return None
    if event.kind == "entered" and state is not None:
        return t("event.entered", state=state.name.in_language(language))
    if event.kind == "checked" and state is not None:
        check = next((c for c in state.checks if c.id == event.facts.get("check")), None)
        return None if check is None else t("event.checked", check=check.name.in_language(language))
    if event.kind == "acted" and state is not None:
        action = state.action(event.action)
        return t("event.acted", action=action.name.in_language(language)) if action else None
    if event.facts.get("due") and event.kind in NEW_LAST_DAY:
        day = format_date(date.fromisoformat(event.facts["due"]), language)
        return t(f"event.{event.kind}_to", date=day)
    key = f"event.{event.kind}"
    return t(key) if key in texts() and not texts()[key].placeholders else None


def _days(n: int) -> str:
    return t("case.days_left", n=n)
