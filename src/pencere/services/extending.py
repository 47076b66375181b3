"""Lengthening the legal term of a case: by whom, how often and on what grounds its law says.

The applicant is told the new last day and the grounds. A term whose last day has passed cannot be
lengthened: whoever is late stays late.
"""

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from pencere.kernel.clock import as_utc, local_date
from pencere.kernel.errors import Conflict, Invalid, Refused
from pencere.kernel.working_days import WorkingCalendar
from pencere.services.case import Actor, Case, Event, Transition, check_definition
from pencere.services.machine import MAX_COMMENT
from pencere.services.model.definition import Definition, Extension


def may_extend(definition: Definition, case: Case, *, by: Actor, at: datetime) -> bool:
    """Say whether this person could lengthen the term now."""
    try:
        _check(definition, case, by, at)
    except (Conflict, Invalid, Refused):
        return False
    return True


def extend(  # noqa: PLR0913 - each is named where it is called
    definition: Definition,
    case: Case,
    *,
    by: Actor,
    reasons: tuple[str, ...],
    comment: str,
    at: datetime,
    calendar: WorkingCalendar,
    expected_version: int,
) -> Transition:
    """Lengthen the term once.

    Raises:
        Conflict: `case.changed`, `case.closed`, `case.proposal_pending`, `case.extension_used`,
            `clock.not_started`, `clock.overdue`.
        Invalid: `case.extension_none`, `case.reason_required`, `case.reason_unknown`,
            `case.comment_too_long`.
        Refused: `case.role`, `case.own_case`.
    """
    if case.version != expected_version:
        raise Conflict("case.changed", expected=expected_version, actual=case.version)
    extension = _check(definition, case, by, at)
    if not reasons:
        raise Invalid("case.reason_required", action="extend")
    if not set(reasons) <= {reason.id for reason in extension.reasons}:
        raise Invalid("case.reason_unknown", action="extend")
    if len(comment) > MAX_COMMENT:
        raise Invalid("case.comment_too_long", limit=MAX_COMMENT)
    grounds = tuple(dict.fromkeys(reasons))
    clock = case.clock.extend(local_date(at), extension.length, grounds, calendar)
    facts = {"due": clock.due, "reasons": grounds, "length": extension.length}
    event = Event(
        "clock_extended", case.state, as_utc(at), by.id, facts=MappingProxyType(dict(facts))
    )
    return Transition(replace(case, clock=clock, version=case.version + 1), (event,), ())


def _check(definition: Definition, case: Case, by: Actor, at: datetime) -> Extension:
    state = check_definition(definition, case)
    extension = definition.term.extend
    if extension is None:
        raise Invalid("case.extension_none")
    if extension.by not in by.roles:
        raise Refused("case.role", role=extension.by.value)
    if by.id == case.applicant:
        raise Refused("case.own_case")
    if state.final:
        raise Conflict("case.closed")
    if case.proposal is not None:
        raise Conflict("case.proposal_pending")
    if len(case.clock.lengthened) >= extension.times:
        raise Conflict("case.extension_used", times=extension.times)
    if case.clock.deadline is None:
        raise Conflict("clock.not_started")
    if case.clock.is_overdue(local_date(at)):
        raise Conflict("clock.overdue")
    return extension
