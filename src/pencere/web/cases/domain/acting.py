"""What people do with a case: take it, decide it with reasons, ask the applicant, answer.

Every function names the `version` of the case its page was made from; when somebody acted
meanwhile it raises Conflict("case.changed") and nothing happens.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Conflict, Invalid, Refused
from pencere.services import forms, machine
from pencere.services.case import Actor, Transition
from pencere.services.model.casework import Action
from pencere.services.model.common import Role
from pencere.web.cases.domain import checks, definitions
from pencere.web.cases.domain.application import uploads_in
from pencere.web.cases.domain.desks import DECIDING
from pencere.web.cases.domain.reading import Opened, open_case
from pencere.web.cases.domain.sealing import seal
from pencere.web.cases.domain.transitions import By, store
from pencere.web.cases.models import Attachment, Batch, BatchLine, Case, CaseEvent, Supplement
from pencere.web.exchange import Gateway
from pencere.web.leaves import add_leaf
from pencere.web.people.domain.visit import Acting, Visit
from pencere.web.people.models.person import Person
from pencere.web.people.vault import vault

log = logging.getLogger(__name__)

# The roles a person holds at a body, as the engine names them.
ROLES: Mapping[str, frozenset[Role]] = {
    "officer": frozenset({Role.OFFICER}),
    "unit-head": frozenset({Role.OFFICER, Role.HEAD}),
    "expert": frozenset({Role.EXPERT}),
}


def officer_of(visit: Visit, case: Case) -> Actor:
    """Return the engine's actor for an officer of the body the case is with.

    Raises:
        Refused: "case.other-body"; "case.own_case": they sent it for somebody.
    """
    if case.agent_id == visit.person.pk:
        raise Refused("case.own_case")
    roles: set[Role] = set()
    for office in visit.offices:
        if office.body == case.body:
            roles |= ROLES.get(office.role, frozenset())
    if not roles:
        raise Refused("case.other-body")
    return Actor(str(visit.person.pk), frozenset(roles))


def may_take(visit: Visit, case: Case) -> bool:
    """Say whether the person may take this case: who decides, or the expert who is asked."""
    held = {office.role for office in visit.offices if office.body == case.body}
    state = definitions.pinned(case).states[case.state]
    return bool(held & set(DECIDING)) or (state.is_for_experts and "expert" in held)


def actions_for(opened: Opened, by: Actor) -> tuple[Action, ...]:
    """Return what this person may do now."""
    return machine.available(opened.definition, opened.machine, by, opened.context)


@transaction.atomic
def take(*, case: Case, officer: Person, at: datetime) -> None:
    """Take a case from the queue; taking one's own again changes nothing.

    Raises:
        Conflict: "case.taken": a colleague has it. "case.closed".
        Refused: "case.own_case".
    """
    if case.is_of(officer.pk):
        raise Refused("case.own_case")
    row = Case.objects.select_for_update().get(pk=case.pk)
    if row.officer_id == officer.pk:
        return
    if row.closed_at is not None:
        raise Conflict("case.closed")
    if row.officer_id is not None:
        raise Conflict("case.taken")
    _assign(row, officer, kind="taken", by=officer, at=at)
    case.officer, case.taken_at = officer, at


@transaction.atomic
def hand_over(*, case: Case, to: Person | None, by: Person, at: datetime) -> None:
    """Give a case to a colleague, or back to the queue (`to` None).

    Raises:
        Conflict: "case.changed": another officer has it by now. "case.closed".
        Refused: "case.own_case": the colleague is the applicant.
    """
    if to is not None and case.is_of(to.pk):
        raise Refused("case.own_case")
    row = Case.objects.select_for_update().get(pk=case.pk)
    if row.closed_at is not None:
        raise Conflict("case.closed")
    if row.officer_id != case.officer_id:
        raise Conflict("case.changed")
    _assign(row, to, kind="handed-over" if to is not None else "returned", by=by, at=at)
    case.officer = to


def act(  # noqa: PLR0913, a decision is all of these
    *,
    case: Case,
    action: str,
    by: Actor,
    officer: Person,
    version: int,
    reasons: Iterable[str] = (),
    comment: str = "",
    batch: Batch | None = None,
    gateway: Gateway,
    at: datetime,
) -> Case:
    """Do an officer's action: decide, ask the applicant, ask for an opinion.

    What only the body may see is asked of the registers anew, and kept with the decision. An
    action with four eyes becomes a proposal that `confirm` or `decline` answers. Of a `batch` the
    line of this case is written in the same transaction.

    Raises:
        Conflict: "case.changed", "case.proposal_pending", "case.taken".
        Refused: "case.role", "case.own_case", "case.action_not_now".
        Invalid: "case.reason_required", "case.reason_unknown", "case.comment_required",
            "case.comment_too_long", "case.action_unknown".
        Unavailable: a register does not answer; nothing has changed.
    """
    opened = open_case(case, at=at, officer=officer, gateway=gateway)
    _check_taken(case, officer)
    step = machine.act(
        opened.definition,
        opened.machine,
        action,
        by=by,
        at=at,
        context=opened.context,
        calendar=definitions.calendar(),
        expected_version=version,
        reasons=tuple(reasons),
        comment=comment,
    )
    return _decided(opened, step, officer, comment=comment, batch=batch, at=at)


def confirm(  # noqa: PLR0913, a decision is all of these
    *, case: Case, by: Actor, officer: Person, version: int, gateway: Gateway, at: datetime
) -> Case:
    """Agree with a colleague's proposal: now it happens.

    Raises:
        Conflict: "case.changed", "case.no_proposal".
        Refused: "case.same_person", "case.role", "case.own_case", "case.action_not_now".
    """
    opened = open_case(case, at=at, officer=officer, gateway=gateway)
    step = machine.confirm(
        opened.definition,
        opened.machine,
        by=by,
        at=at,
        context=opened.context,
        calendar=definitions.calendar(),
        expected_version=version,
    )
    return _decided(opened, step, officer, comment="", at=at)


def decline(  # noqa: PLR0913, a decision is all of these
    *, case: Case, by: Actor, officer: Person, version: int, comment: str, at: datetime
) -> Case:
    """Send a proposal back to who made it; the case stays where it is."""
    opened = open_case(case, at=at)
    step = machine.decline(
        opened.definition,
        opened.machine,
        by=by,
        at=at,
        context=opened.context,
        calendar=definitions.calendar(),
        expected_version=version,
    )
    return _decided(opened, step, officer, comment=comment, at=at)


def resubmit(  # noqa: PLR0913, an act is all of these
    *,
    case: Case,
    sender: Person,
    power: Acting | None = None,
    action: str,
    answers: Mapping[str, object],
    version: int,
    at: datetime,
) -> Case:
    """Send what the body asked for again: `answers` by question, already cleaned.

    `sender` is the applicant, or who acts for them by a `power`.

    An action with `danger` (withdrawing) is done without answers.

    Raises:
        Refused: "case.role": the sender is neither.
        Invalid: "case.not_asked": an answer that nobody asked for, or one that is missing.
        Conflict: "case.changed".
    """
    opened = open_case(case, at=at)
    found = opened.definition.states[opened.machine.state].action(action)
    withdraws = found is not None and found.danger and not answers
    if not withdraws and set(answers) != set(opened.machine.asked):
        raise Invalid("case.not_asked")
    merged = {**opened.answers, **answers}
    step = machine.act(
        opened.definition,
        opened.machine,
        action,
        by=_applicant(case, sender, power),
        at=at,
        context={**opened.context, "answers": merged},
        calendar=definitions.calendar(),
        expected_version=version,
    )
    stored = forms.to_stored(answers)
    with transaction.atomic():
        store(
            case=case,
            definition=opened.definition,
            transition=step,
            by=By(Role.APPLICANT, sender),
            at=at,
        )
        if withdraws:
            return case
        digest = hashlib.sha256(canonical_json(stored)).digest()
        Supplement.objects.create(
            case=case, at=at, answers_sealed=seal(stored, case.id.bytes), sha256=digest
        )
        ids = [one["id"] for value in stored.values() for one in uploads_in(value)]
        Attachment.objects.filter(draft__number=case.number, pk__in=ids).update(case=case)
        add_leaf(
            "supplement",
            {
                "at": at.isoformat(timespec="milliseconds"),
                "number": case.number,
                "sha256": digest.hex(),
            },
        )
        checks.answer(
            case=case,
            definition=opened.definition,
            machine=step.case,
            context={**opened.context, "answers": merged},
            at=at,
        )
    return case


def _applicant(case: Case, sender: Person, power: Acting | None) -> Actor:
    """Return the applicant as the engine's actor: the sender, or for whom the sender acts."""
    has_power = power is not None and power.party.pk == case.person_id
    return Actor(str(case.person_id if has_power else sender.pk), frozenset({Role.APPLICANT}))


def _decided(  # noqa: PLR0913, a decision is all of these
    opened: Opened,
    step: Transition,
    officer: Person,
    *,
    comment: str,
    batch: Batch | None = None,
    at: datetime,
) -> Case:
    case = opened.case
    words: dict[str, Any] = {"facts": opened.told.as_json()}
    if comment.strip():
        words["comment"] = comment.strip()
    with transaction.atomic():
        store(
            case=case,
            definition=opened.definition,
            transition=step,
            by=By(_role(opened), officer),
            at=at,
            words=words,
            marks={"batch": str(batch.id)} if batch is not None else None,
        )
        if batch is not None:
            BatchLine.objects.create(batch=batch, number=case.number, at=at)
        decision = step.case.decision
        acted = next((event for event in step.events if event.kind == "acted"), None)
        if acted is not None and decision is not None:
            add_leaf(
                "decision",
                {
                    "action": decision.action,
                    "at": at.isoformat(timespec="milliseconds"),
                    "body": opened.definition.authority,
                    "confirmed_by": _digest(decision.confirmed_by),
                    "number": case.number,
                    "officer": _digest(decision.by),
                    "reasons": list(decision.reasons),
                    "version": step.case.version,
                },
            )
    log.info("case_acted number=%s state=%s version=%s", case.number, case.state, case.version)
    return case


def _role(opened: Opened) -> Role:
    is_expert = opened.definition.states[opened.machine.state].is_for_experts
    return Role.EXPERT if is_expert else Role.OFFICER


def _digest(actor: str | None) -> str | None:
    return None if actor is None else vault().digest("officer", actor).hex()


def _check_taken(case: Case, officer: Person) -> None:
    if case.officer_id is not None and case.officer_id != officer.pk:
        raise Conflict("case.taken")


def _assign(case: Case, officer: Person | None, *, kind: str, by: Person, at: datetime) -> None:
    case.officer, case.taken_at = officer, at if officer is not None else None
    case.save(update_fields=["officer", "taken_at"])
    last = CaseEvent.objects.filter(case=case).order_by("-n").values_list("n", flat=True).first()
    CaseEvent.objects.create(
        case=case,
        n=(last or 0) + 1,
        at=at,
        kind=kind,
        state=case.state,
        by_role=Role.OFFICER.value,
        by=by,
        facts={},
    )
