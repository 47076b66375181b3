"""Deciding many cases alike: one confirmation, then each case by itself with the usual rules.

A case is decided by `acting.act`, in a transaction of its own, which also writes its line of the
batch. So a batch sent twice, or by two tabs at once, decides nothing twice; one that was
interrupted goes on where it stopped.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pencere.kernel.errors import Conflict, Invalid, Missing, PencereError, Refused, Unavailable
from pencere.services.model.casework import Action
from pencere.services.model.common import Role
from pencere.web.cases.domain import acting, definitions, reading
from pencere.web.cases.domain.reading import Opened
from pencere.web.cases.domain.sealing import seal, unseal
from pencere.web.cases.models import Batch, BatchLine, Case
from pencere.web.exchange import Gateway
from pencere.web.people.domain.visit import Visit

log = logging.getLogger(__name__)

LIMIT = 100

# What stops one case and not the batch.
STOPS = (Conflict, Refused, Unavailable, Invalid, Missing)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A case as the officer saw it."""

    number: str
    version: int


def read_chosen(sent: Sequence[str]) -> tuple[Chosen, ...]:
    """Read `NUMBER~VERSION` of a form, each case once, in the order given.

    Raises:
        Invalid: "batch.empty", "batch.too-many", or "batch.form": not of this shape.
    """
    found: dict[str, Chosen] = {}
    for one in sent:
        number, mark, version = one.partition("~")
        is_number = version.isascii() and version.isdigit() and len(version) < 10
        if not mark or not is_number or not 5 <= len(number) <= 40 or "\x00" in number:
            raise Invalid("batch.form")
        found.setdefault(number, Chosen(number, int(version)))
    if not found:
        raise Invalid("batch.empty")
    if len(found) > LIMIT:
        raise Invalid("batch.too-many", n=LIMIT)
    return tuple(found.values())


def cases_of(*, chosen: Sequence[Chosen], bodies: frozenset[str]) -> dict[str, Case]:
    """Return the chosen cases by number; one that is another body's by now is not among them."""
    found: dict[str, Case] = {}
    for one in chosen:
        with suppress(Missing):
            found[one.number] = reading.case_of_body(bodies=bodies, number=one.number)
    return found


def alike(chosen: Sequence[Chosen], cases: Mapping[str, Case]) -> list[Case]:
    """Return the cases that are as the officer saw them: all of one service and one state.

    Raises:
        Invalid: "batch.mixed"; "batch.stale": none is as it was.
    """
    seen = {one.number: one.version for one in chosen}
    found = [case for number, case in cases.items() if case.version == seen[number]]
    if not found:
        raise Invalid("batch.stale")
    if len({(case.service, case.state) for case in found}) != 1:
        raise Invalid("batch.mixed")
    return found


def actions_for_all(cases: Sequence[Case], visit: Visit) -> tuple[Action, ...]:
    """Return what the definitions of all these cases let this officer do to many at once.

    Guards are not asked yet: what registers say excludes single cases, not the action.
    """
    offered: list[dict[str, Action]] = []
    for case in cases:
        roles = acting.officer_of(visit, case).roles
        state = definitions.pinned(case).states[case.state]
        offered.append(
            {one.id: one for one in state.actions if one.by in roles and is_for_many(one)}
        )
    newest = offered[0]
    return tuple(action for key, action in newest.items() if all(key in other for other in offered))


def is_for_many(action: Action) -> bool:
    """Say whether an action may be done to many; what a second officer must confirm may not."""
    return action.by is not Role.APPLICANT and not action.four_eyes


def why_not(opened: Opened, chosen: Chosen, action: str, visit: Visit) -> str:
    """Return the code of what excludes a case from a batch, "" when nothing does."""
    try:
        _check(opened.case, chosen, action, visit)
    except STOPS as refusal:
        return refusal.code
    if opened.machine.proposal is not None:
        return "case.proposal_pending"
    allowed = acting.actions_for(opened, acting.officer_of(visit, opened.case))
    return "" if action in {one.id for one in allowed} else "case.action_not_now"


def begin(  # noqa: PLR0913, a batch is all of these
    *,
    batch_id: UUID,
    visit: Visit,
    action: str,
    chosen: Sequence[Chosen],
    bodies: frozenset[str],
    reasons: Sequence[str],
    comment: str,
    at: datetime,
) -> Batch:
    """Write what was confirmed; the same id again is the same batch, as it was confirmed first.

    Raises:
        Missing: "batch.missing": another officer's.
        Invalid: as `alike`; "case.action_unknown".
    """
    known = Batch.objects.filter(pk=batch_id).first()
    if known is None:
        cases = alike(chosen, cases_of(chosen=chosen, bodies=bodies))
        if action not in {one.id for one in actions_for_all(cases, visit)}:
            raise Invalid("case.action_unknown", action=action)
        known, _ = Batch.objects.get_or_create(
            pk=batch_id,
            defaults={
                "officer": visit.person,
                "at": at,
                "service": cases[0].service,
                "state": cases[0].state,
                "action": action,
                "reasons": list(reasons),
                "comment_sealed": seal(comment, batch_id.bytes),
                "chosen": [[one.number, one.version] for one in chosen],
            },
        )
    if known.officer_id != visit.person.pk:
        raise Missing("batch.missing")
    return known


def find(*, batch_id: UUID, visit: Visit) -> Batch | None:
    """Return an officer's batch; None when there is none, or it is another's."""
    return Batch.objects.filter(pk=batch_id, officer=visit.person).first()


def run(
    *, batch: Batch, visit: Visit, bodies: frozenset[str], gateway: Gateway, at: datetime
) -> None:
    """Decide the cases of a batch that have no line yet; what stops one is its line."""
    done = set(batch.lines.values_list("number", flat=True))
    comment = unseal(batch.comment_sealed, batch.id.bytes)
    for number, version in batch.chosen:
        if number in done:
            continue
        chosen = Chosen(number, version)
        try:
            case = reading.case_of_body(bodies=bodies, number=number)
            _check(case, chosen, batch.action, visit)
            acting.act(
                case=case,
                action=batch.action,
                by=acting.officer_of(visit, case),
                officer=visit.person,
                version=version,
                reasons=batch.reasons,
                comment=comment,
                batch=batch,
                gateway=gateway,
                at=at,
            )
        except STOPS as refusal:
            _note(batch, number, refusal, at=at)
    log.info("batch_run batch=%s cases=%s", batch.id, len(batch.chosen))


def _check(case: Case, chosen: Chosen, action: str, visit: Visit) -> None:
    """Refuse what a single decision refuses on its page, before registers are asked."""
    if case.is_of(visit.person.pk):
        raise Refused("case.own_case")
    if case.officer_id != visit.person.pk:
        raise Conflict("batch.not-mine")
    if case.version != chosen.version:
        raise Conflict("case.changed")
    found = definitions.pinned(case).states[case.state].action(action)
    if found is None:
        raise Refused("case.action_not_now")
    if found.four_eyes:
        raise Refused("batch.four-eyes")


def _note(batch: Batch, number: str, refusal: PencereError, *, at: datetime) -> None:
    # Another tab may have decided it in this batch: then its line stands.
    BatchLine.objects.get_or_create(
        batch=batch, number=number, defaults={"at": at, "refusal": refusal.code}
    )
