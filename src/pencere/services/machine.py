"""The case machine: declarative and pure. A case and an event go in, a transition comes out.

It reads no clock and writes nothing. Whoever calls it stores the transition in one transaction:
the new case where `version` is still the expected one, its events, and its effects as jobs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from types import MappingProxyType

from pencere.kernel.clock import as_utc, local_date
from pencere.kernel.errors import Conflict, Invalid, PencereError, Refused
from pencere.kernel.working_days import WorkingCalendar
from pencere.services.case import (
    Actor,
    Case,
    Decision,
    Event,
    Outcome,
    Planned,
    Transition,
    check_definition,
)
from pencere.services.clock import LegalClock, end_of_term
from pencere.services.explaining import grounds_of
from pencere.services.expressions import holds
from pencere.services.model.casework import Action, CheckKind, State
from pencere.services.model.common import Role
from pencere.services.model.definition import Definition, Silence

MAX_COMMENT = 4000
# A case never passes more states by itself than this; lints find the loop before.
_MAX_STEPS = 20

Context = Mapping[str, object]


def new_case(  # noqa: PLR0913 - each is named where it is called
    definition: Definition,
    *,
    number: str,
    applicant: str,
    at: datetime,
    context: Context,
    calendar: WorkingCalendar,
) -> Transition:
    """Open a case at the moment an application is submitted. Its version is 1."""
    case = Case(
        number=number,
        service=definition.service,
        definition_version=definition.version,
        applicant=applicant,
        state=definition.initial,
        version=0,
        entry=0,
        entered_at=as_utc(at),
        clock=LegalClock.of(definition.term),
    )
    run = _Run(definition, case, as_utc(at), context, calendar)
    run.note("submitted", by=applicant)
    if definition.term.starts == "submitted":
        run.start_clock()
    run.enter(definition.initial)
    return run.finish()


def available(
    definition: Definition, case: Case, by: Actor, context: Context
) -> tuple[Action, ...]:
    """Return the actions this person may take now. Empty while a proposal waits."""
    state = check_definition(definition, case)
    if case.proposal is not None:
        return ()
    return tuple(action for action in state.actions if _why_not(case, action, by, context) is None)


def act(  # noqa: PLR0913 - each is named where it is called
    definition: Definition,
    case: Case,
    action: str,
    *,
    by: Actor,
    at: datetime,
    context: Context,
    calendar: WorkingCalendar,
    expected_version: int,
    reasons: tuple[str, ...] = (),
    comment: str = "",
) -> Transition:
    """Do what a person decided. An action with four eyes becomes a proposal.

    Raises:
        Conflict: `case.changed`, `case.proposal_pending`.
        Missing/Refused/Invalid: `case.action_unknown`, `case.role`, `case.own_case`,
            `case.action_not_now`, `case.reason_required`, `case.reason_unknown`,
            `case.comment_required`, `case.comment_too_long`.
    """
    state = _current(definition, case, expected_version)
    if case.proposal is not None:
        raise Conflict("case.proposal_pending")
    found = state.action(action)
    if found is None:
        raise Invalid("case.action_unknown", action=action, state=state.id)
    refusal = _why_not(case, found, by, context)
    if refusal is not None:
        raise refusal
    decision = _decision(found, by, as_utc(at), reasons, comment)
    run = _Run(definition, case, as_utc(at), context, calendar)
    if found.four_eyes:
        run.case = replace(run.case, proposal=decision)
        run.note("proposed", by=by.id, action=action)
    else:
        run.decide(found, decision)
    return run.finish()


def confirm(  # noqa: PLR0913 - each is named where it is called
    definition: Definition,
    case: Case,
    *,
    by: Actor,
    at: datetime,
    context: Context,
    calendar: WorkingCalendar,
    expected_version: int,
) -> Transition:
    """Let a second person agree with a proposal: now it happens.

    Raises:
        Conflict: `case.changed`, `case.no_proposal`.
        Refused: `case.same_person`, `case.role`, `case.own_case`, `case.action_not_now`.
    """
    state, proposal = _proposed(definition, case, by, expected_version)
    found = state.action(proposal.action)
    if found is None:
        raise Invalid("case.action_unknown", action=proposal.action, state=state.id)
    if found.by is Role.HEAD and Role.HEAD not in by.roles:
        raise Refused("case.role", role=Role.HEAD.value)
    refusal = _why_not(case, found, replace(by, roles=by.roles | {found.by}), context)
    if refusal is not None:
        raise refusal
    run = _Run(definition, case, as_utc(at), context, calendar)
    run.decide(found, replace(proposal, confirmed_by=by.id))
    return run.finish()


def decline(  # noqa: PLR0913 - each is named where it is called
    definition: Definition,
    case: Case,
    *,
    by: Actor,
    at: datetime,
    context: Context,
    calendar: WorkingCalendar,
    expected_version: int,
) -> Transition:
    """Let a second person send a proposal back; the case stays where it is.

    Raises:
        Conflict, Refused: as `confirm`.
    """
    _, proposal = _proposed(definition, case, by, expected_version)
    run = _Run(definition, case, as_utc(at), context, calendar)
    run.case = replace(run.case, proposal=None)
    run.note("declined", by=by.id, action=proposal.action)
    return run.finish()


def record_check(  # noqa: PLR0913 - each is named where it is called
    definition: Definition,
    case: Case,
    check: str,
    outcome: Outcome,
    *,
    at: datetime,
    context: Context,
    calendar: WorkingCalendar,
    expected_version: int,
) -> Transition:
    """Note what a check found; when all have answered the case goes on.

    Raises:
        Conflict: `case.changed`; `check.answered`: it has said something else before.
        Invalid: `check.unknown`: this state has no such check.
    """
    state = _current(definition, case, expected_version)
    found = next((c for c in state.checks if c.id == check), None)
    if found is None or outcome is Outcome.WAITING:
        raise Invalid("check.unknown", check=check, state=state.id)
    if case.checks[check] not in {Outcome.WAITING, outcome}:
        raise Conflict("check.answered", check=check)
    run = _Run(definition, case, as_utc(at), context, calendar)
    if case.checks[check] is outcome:
        return Transition(case, (), ())
    run.answer(check, outcome)
    paid = found.kind is CheckKind.PAYMENT and outcome is Outcome.PASSED
    if paid and definition.term.starts == "paid":
        run.start_clock()
    run.join()
    return run.finish()


def tick(
    definition: Definition,
    case: Case,
    *,
    at: datetime,
    context: Context,
    calendar: WorkingCalendar,
) -> Transition | None:
    """Do what the passing of time does: a timer, or the body's silence. None: nothing is due."""
    state = check_definition(definition, case)
    today = local_date(at)
    run = _Run(definition, case, as_utc(at), context, calendar)
    term = definition.term
    if state.final:
        return None
    if state.after is not None and today > timer_due(state, case, calendar):
        run.note("timer")
        run.enter(state.after.to)
    elif term.silence is not Silence.NOTHING and term.silence_to and case.clock.is_overdue(today):
        run.note("silence", facts={"means": term.silence.value})
        run.enter(term.silence_to)
    else:
        return None
    return run.finish()


def timer_due(state: State, case: Case, calendar: WorkingCalendar) -> date:
    """Return the last day a case may stay in a state with a timer."""
    if state.after is None:
        raise Invalid("case.no_timer", state=state.id)
    entered = local_date(case.entered_at)
    return end_of_term(entered, state.after.length, state.after.unit, calendar)


def _current(definition: Definition, case: Case, expected_version: int) -> State:
    state = check_definition(definition, case)
    if case.version != expected_version:
        raise Conflict("case.changed", expected=expected_version, actual=case.version)
    return state


def _proposed(
    definition: Definition, case: Case, by: Actor, expected_version: int
) -> tuple[State, Decision]:
    state = _current(definition, case, expected_version)
    if case.proposal is None:
        raise Conflict("case.no_proposal")
    if by.id == case.proposal.by:
        raise Refused("case.same_person")
    if not by.roles & {Role.HEAD, Role.OFFICER}:
        raise Refused("case.role", role=Role.OFFICER.value)
    return state, case.proposal


def _why_not(case: Case, action: Action, by: Actor, context: Context) -> PencereError | None:
    if action.by not in by.roles:
        return Refused("case.role", role=action.by.value)
    if action.by is not Role.APPLICANT and by.id == case.applicant:
        return Refused("case.own_case")
    if action.by is Role.APPLICANT and by.id != case.applicant:
        return Refused("case.role", role=action.by.value)
    try:
        allowed = action.when is None or holds(action.when, context)
        barred = action.unless is not None and holds(action.unless, context)
    except PencereError:
        # Fail closed: a guard that cannot be answered lets nobody through.
        return Refused("case.action_not_now", action=action.id)
    if allowed and not barred:
        return None
    return Refused("case.action_not_now", action=action.id)


def _decision(
    action: Action, by: Actor, at: datetime, reasons: tuple[str, ...], comment: str
) -> Decision:
    known = {reason.id for reason in action.reasons}
    if known and not reasons:
        raise Invalid("case.reason_required", action=action.id)
    if not set(reasons) <= known:
        raise Invalid("case.reason_unknown", action=action.id)
    if "comment" in action.needs and not comment.strip():
        raise Invalid("case.comment_required", action=action.id)
    if len(comment) > MAX_COMMENT:
        raise Invalid("case.comment_too_long", limit=MAX_COMMENT)
    return Decision(action.id, by.id, at, tuple(dict.fromkeys(reasons)), comment.strip())


@dataclass(slots=True)
class _Run:
    """One transition in the making."""

    definition: Definition
    case: Case
    at: datetime
    context: Context
    calendar: WorkingCalendar
    events: tuple[Event, ...] = ()
    effects: tuple[Planned, ...] = ()
    steps: int = 0
    completed: bool = False  # by the applicant, who was asked for something

    def note(
        self,
        kind: str,
        *,
        by: str | None = None,
        action: str | None = None,
        facts: Mapping[str, object] = MappingProxyType({}),
        grounds: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        event = Event(
            kind, self.case.state, self.at, by, action, MappingProxyType(dict(facts)), grounds
        )
        self.events = (*self.events, event)

    def start_clock(self) -> None:
        before = self.case.clock
        clock = before.start(local_date(self.at), self.calendar)
        if clock is not before:
            self.case = replace(self.case, clock=clock)
            self.note("clock_started", facts={"due": clock.deadline})

    def decide(self, action: Action, decision: Decision) -> None:
        self.note("acted", by=decision.by, action=action.id, facts={"reasons": decision.reasons})
        self.case = replace(self.case, proposal=None, decision=decision)
        self.completed = action.by is Role.APPLICANT
        self.enter(action.to, asks=action.ask_applicant)

    def answer(
        self,
        check: str,
        outcome: Outcome,
        grounds: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        checks = MappingProxyType({**self.case.checks, check: outcome})
        self.case = replace(self.case, checks=checks)
        self.note("checked", facts={"check": check, "outcome": outcome.value}, grounds=grounds)

    def enter(self, state_id: str, *, asks: tuple[str, ...] = ()) -> None:
        self.steps += 1
        if self.steps > _MAX_STEPS:
            raise Invalid("case.endless", state=state_id)
        state = self.definition.states[state_id]
        self.case = replace(
            self.case,
            state=state_id,
            entry=self.case.entry + 1,
            entered_at=self.at,
            checks=MappingProxyType({check.id: Outcome.WAITING for check in state.checks}),
            asked=asks or state.asks,
            proposal=None,
        )
        self.note("entered")
        self._turn_clock(state)
        self._plan(state)
        for check in state.checks:
            if check.kind is CheckKind.CONDITION and check.that is not None:
                passed = holds(check.that, self.context)
                grounds = grounds_of(self.definition, check, self.context)
                self.answer(check.id, Outcome.PASSED if passed else Outcome.FAILED, grounds)
        self.join()

    def join(self) -> None:
        """Go on when all checks of the state have answered: the first failed one decides."""
        state = self.definition.states[self.case.state]
        outcomes = self.case.checks
        if not state.checks or Outcome.WAITING in outcomes.values():
            return
        failed = next((c for c in state.checks if outcomes[c.id] is Outcome.FAILED), None)
        target = failed.failed if failed is not None else state.then
        if target is None:
            raise Invalid("case.corrupt", problem="then")
        self.enter(target)

    def finish(self) -> Transition:
        self.case = replace(self.case, version=self.case.version + 1)
        return Transition(self.case, self.events, self.effects)

    def _turn_clock(self, state: State) -> None:
        clock, today = self.case.clock, local_date(self.at)
        if state.final:
            self.case = replace(self.case, clock=clock.end(today))
        elif state.clock_stops and not clock.is_paused:
            clock = clock.pause(today, state.id, self.calendar)
            self.case = replace(self.case, clock=clock)
            self.note("clock_paused")
        elif not state.clock_stops and clock.is_paused:
            stood_in = self.definition.states.get(clock.pauses[-1].reason)
            anew = self.completed and stood_in is not None and stood_in.clock_restarts
            clock = (clock.restart if anew else clock.resume)(today, self.calendar)
            self.case = replace(self.case, clock=clock)
            kind = "clock_restarted" if anew else "clock_resumed"
            self.note(kind, facts={"due": clock.deadline})

    def _plan(self, state: State) -> None:
        prefix = f"{self.case.number}:{self.case.entry}"
        for effect in state.effects:
            waits_for = tuple(f"{prefix}:{name}" for name in effect.waits_for)
            planned = Planned(f"{prefix}:{effect.id}", effect, waits_for)
            self.effects = (*self.effects, planned)
