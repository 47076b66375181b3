"""At whose desk a case lies: a body's officers, or its experts, who are asked and decide nothing.

A case that comes to another desk lies there for whoever takes it; when it comes back, it is with
the officer who had it, as long as they hold the office.
"""

from typing import NamedTuple

from pencere.services.model.common import Role
from pencere.services.model.definition import Definition
from pencere.web.cases.models import Case, CaseEvent
from pencere.web.people.models.person import Person

DECIDING = ("officer", "unit-head")


class Desk(NamedTuple):
    """A body, and which of its people."""

    body: str
    is_for_experts: bool


def of(definition: Definition, state_id: str) -> Desk | None:
    """Return the desk of a state; None for one that the definition does not have."""
    state = definition.states.get(state_id)
    if state is None:
        return None
    return Desk(state.body or definition.authority, state.is_for_experts)


def who_had(*, case: Case, definition: Definition, desk: Desk | None) -> Person | None:
    """Return who acted last on a case at this desk, None when nobody did who is still there."""
    if desk is None or case.closed_at is not None:
        return None
    acts = CaseEvent.objects.filter(case=case, kind="acted", by__isnull=False).exclude(
        by_role=Role.APPLICANT.value
    )
    for act in acts.select_related("by").order_by("-n"):
        if of(definition, act.state) != desk or act.by is None:
            continue
        roles = ("expert",) if desk.is_for_experts else DECIDING
        held = act.by.offices.filter(body=desk.body, role__in=roles)
        return act.by if act.by.is_active and held.exists() else None
    return None
