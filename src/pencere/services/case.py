"""A case, and what happened to it, as values that a row holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from pencere.kernel.errors import Conflict, Invalid
from pencere.services.clock import LegalClock
from pencere.services.model.casework import Effect, State
from pencere.services.model.common import Role
from pencere.services.model.definition import Definition


class Outcome(StrEnum):
    """What a check found. `WAITING` is not a failure: its answer is not there yet."""

    WAITING = "waiting"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an opaque id, the same for the same person, and the roles in this case."""

    id: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class Decision:
    """An action with its grounds; as a proposal it waits for a second person."""

    action: str
    by: str
    at: datetime
    reasons: tuple[str, ...] = ()
    comment: str = ""
    confirmed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """Where an application stands. Made by `machine` only; a stored one is checked when read.

    `version` rises by one with each change. `entry` counts the states entered: with the number
    of the case and the effect's id it is the key under which an effect happens once.
    """

    number: str
    service: str
    definition_version: int
    applicant: str
    state: str
    version: int
    entry: int
    entered_at: datetime
    clock: LegalClock
    checks: Mapping[str, Outcome] = field(default_factory=lambda: MappingProxyType({}))
    asked: tuple[str, ...] = ()  # questions the applicant is asked to answer again
    proposal: Decision | None = None
    decision: Decision | None = None

    def to_mapping(self) -> dict[str, object]:
        """Return the case as JSON."""
        return {
            "number": self.number,
            "service": self.service,
            "definition_version": self.definition_version,
            "applicant": self.applicant,
            "state": self.state,
            "version": self.version,
            "entry": self.entry,
            "entered_at": self.entered_at.isoformat(),
            "clock": self.clock.to_mapping(),
            "checks": {key: value.value for key, value in self.checks.items()},
            "asked": list(self.asked),
            "proposal": _decision_to(self.proposal),
            "decision": _decision_to(self.decision),
        }

    @classmethod
    def from_mapping(cls, definition: Definition, stored: Mapping[str, object]) -> "Case":
        """Return the case of `to_mapping`, checked against the definition it was made under.

        Raises:
            Conflict: `case.other_definition`.
            Invalid: `case.corrupt`: a state, check or question the definition does not know.
        """
        try:
            case = _read(stored)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise Invalid("case.corrupt", problem=type(error).__name__) from error
        check_definition(definition, case)
        state = definition.states.get(case.state)
        known = state is not None and set(case.checks) == {check.id for check in state.checks}
        if not known or any(definition.question(q) is None for q in case.asked):
            raise Invalid("case.corrupt", problem="state")
        return case


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for the timeline.

    `kind`: submitted, entered, checked, acted, proposed, declined, clock_started, clock_paused,
    clock_resumed, clock_restarted, timer, silence. `grounds` is what a condition was laid against
    (`explaining.grounds_of`); it holds personal data, `facts` does not.
    """

    kind: str
    state: str
    at: datetime
    by: str | None = None
    action: str | None = None
    facts: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    grounds: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Planned:
    """An effect to enqueue in the same transaction. `key` makes it happen once."""

    key: str
    effect: Effect
    waits_for: tuple[str, ...]  # keys


@dataclass(frozen=True, slots=True)
class Transition:
    """What changes. Store `case`, add `events` and `effects`, all or nothing."""

    case: Case
    events: tuple[Event, ...]
    effects: tuple[Planned, ...]

    @property
    def clock(self) -> LegalClock:
        """Return the clock after the change."""
        return self.case.clock


def check_definition(definition: Definition, case: Case) -> State:
    """Return the state of the case.

    Raises:
        Conflict: `case.other_definition`: this is not the version the case is pinned to.
    """
    if (definition.service, definition.version) != (case.service, case.definition_version):
        raise Conflict(
            "case.other_definition", service=case.service, version=case.definition_version
        )
    state = definition.states.get(case.state)
    if state is None:
        raise Invalid("case.corrupt", problem="state")
    return state


def _decision_to(decision: Decision | None) -> dict[str, object] | None:
    if decision is None:
        return None
    return {
        "action": decision.action,
        "by": decision.by,
        "at": decision.at.isoformat(),
        "reasons": list(decision.reasons),
        "comment": decision.comment,
        "confirmed_by": decision.confirmed_by,
    }


def _decision_from(stored: object) -> Decision | None:
    if stored is None:
        return None
    if not isinstance(stored, Mapping):
        raise TypeError
    confirmed = stored["confirmed_by"]
    return Decision(
        action=str(stored["action"]),
        by=str(stored["by"]),
        at=datetime.fromisoformat(str(stored["at"])),
        reasons=tuple(str(reason) for reason in stored["reasons"]),
        comment=str(stored["comment"]),
        confirmed_by=None if confirmed is None else str(confirmed),
    )


def _read(stored: Mapping[str, object]) -> Case:
    clock, checks, asked = stored["clock"], stored["checks"], stored["asked"]
    if not (isinstance(clock, Mapping) and isinstance(checks, Mapping) and isinstance(asked, list)):
        raise TypeError
    return Case(
        number=str(stored["number"]),
        service=str(stored["service"]),
        definition_version=int(str(stored["definition_version"])),
        applicant=str(stored["applicant"]),
        state=str(stored["state"]),
        version=int(str(stored["version"])),
        entry=int(str(stored["entry"])),
        entered_at=datetime.fromisoformat(str(stored["entered_at"])),
        clock=LegalClock.from_mapping(clock),
        checks=MappingProxyType({str(k): Outcome(v) for k, v in checks.items()}),
        asked=tuple(str(question) for question in asked),
        proposal=_decision_from(stored["proposal"]),
        decision=_decision_from(stored["decision"]),
    )
