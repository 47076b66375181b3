"""Moving a running case to a newer version of its service: only where it goes on as it stood.

A case is pinned to the version it was submitted under. When the law makes it move, each case is
moved by itself or left with the reason. Nothing happens by moving: no effect is planned, no check
is asked again, and the legal term stays what it was.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from pencere.kernel.clock import as_utc
from pencere.kernel.errors import Conflict
from pencere.services.case import Case, Event, Outcome, Transition, check_definition
from pencere.services.difference import Fate, fate_of
from pencere.services.model.definition import Definition

_WHY = {
    Fate.NO_STATE: "migration.no_state",
    Fate.FINAL_NOW: "migration.final_state",
    Fate.OTHER_CHECKS: "migration.other_checks",
    Fate.OTHER_CLOCK: "migration.clock",
}


def move(
    older: Definition,
    newer: Definition,
    case: Case,
    *,
    at: datetime,
    states: Mapping[str, str] = MappingProxyType({}),
) -> Transition:
    """Return the case under `newer`; `states` says where states go that are called otherwise now.

    Raises:
        Conflict: `case.other_definition`; why this case has to stay: `migration.closed`,
            `migration.not_newer`, `migration.checks_running`, `migration.proposal_pending`,
            `migration.no_state`, `migration.final_state`, `migration.other_checks`,
            `migration.question_gone`, `migration.clock`.
    """
    state = check_definition(older, case)
    if newer.service != older.service or newer.version <= older.version:
        raise Conflict("migration.not_newer", version=newer.version)
    if state.final:
        raise Conflict("migration.closed")
    if case.proposal is not None:
        raise Conflict("migration.proposal_pending")
    target = newer.states.get(states.get(state.id, state.id))
    fate = fate_of(state, target)
    if fate is not None or target is None:
        raise Conflict(_WHY[fate or Fate.NO_STATE], state=state.id)
    if Outcome.WAITING in case.checks.values():
        raise Conflict("migration.checks_running", state=state.id)
    gone = [asked for asked in case.asked if newer.question(asked) is None]
    if gone:
        raise Conflict("migration.question_gone", question=gone[0])
    moved = replace(
        case, definition_version=newer.version, state=target.id, version=case.version + 1
    )
    facts = {"from": older.version, "to": newer.version, "state": state.id}
    event = Event("migrated", target.id, as_utc(at), facts=MappingProxyType(facts))
    return Transition(moved, (event,), ())
