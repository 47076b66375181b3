"""Agreements: rights that signed accords made, stopped, taken up again, and ended."""

from datetime import datetime, timedelta

from django.db import transaction

from pencere.kernel.canonical import sha256_of
from pencere.kernel.clock import local_date
from pencere.kernel.errors import Conflict, Invalid, Missing
from pencere.web.stateregister.domain.offices import APPROVER, PROPOSER, SIGNATORY, Actor, need
from pencere.web.stateregister.domain.publishing import directory_changes
from pencere.web.stateregister.domain.recording import record
from pencere.web.stateregister.domain.telling import tell_role
from pencere.web.stateregister.domain.terms import term
from pencere.web.stateregister.domain.vocabulary import vocabulary
from pencere.web.stateregister.models import Accord, AccordState, Act, Agreement, Force

LEAST_REASON = 10
MOST = 5000


@transaction.atomic
def suspend(agreement_id: str, *, actor: Actor, reason: str, at: datetime) -> Agreement:
    """Stop an agreement for a time: the provider's signatory, or the register."""
    row = _agreement(agreement_id)
    role, body = _guardian(row, actor)
    if row.force == Force.SUSPENDED:
        return row
    return _force(row, Force.SUSPENDED, "suspended", actor, role, body, reason, at)


@transaction.atomic
def resume(agreement_id: str, *, actor: Actor, reason: str, at: datetime) -> Agreement:
    """Let a suspended agreement count again; who may suspend it may."""
    row = _agreement(agreement_id)
    role, body = _guardian(row, actor)
    if row.force == Force.IN_FORCE:
        return row
    return _force(row, Force.IN_FORCE, "resumed", actor, role, body, reason, at)


@transaction.atomic
def terminate(agreement_id: str, *, actor: Actor, reason: str, at: datetime) -> Agreement:
    """Give notice as a signatory of either side: it ends after the notice of the law data."""
    row = _agreement(agreement_id)
    body = next(
        (one.owner_id for one in (row.consumer, row.provider)
         if actor.holds(SIGNATORY, one.owner_id)), "",
    )  # fmt: skip
    need(actor, SIGNATORY, body or row.consumer.owner_id)
    today = local_date(at)
    last = term("notice", on=today).last_day(today)
    if row.force == Force.ENDED:
        raise Conflict("stateregister.not_in_force")
    if len(reason.strip()) < LEAST_REASON:
        raise Invalid("stateregister.reason_needed")
    if Act.objects.filter(about="agreement", subject=row.id, kind="notice").exists():
        return row
    row.last_day, row.is_acted_on = max(min(row.last_day, last), row.first_day), True
    row.save(update_fields=["last_day", "is_acted_on"])
    record("agreement", row.id, "notice", person=actor.person, at=at, body=body, role=SIGNATORY,
           reason=reason.strip()[:MOST], details={"until": row.last_day.isoformat()})  # fmt: skip
    other = row.provider if body == row.consumer.owner_id else row.consumer
    tell_role(PROPOSER, other.owner_id, "notice", key=f"{row.id}:notice", subject=row.id, at=at,
              number=row.id, day=row.last_day)  # fmt: skip
    directory_changes()
    return row


def put_in_force(row: Accord, *, at: datetime) -> Agreement:
    """Make the right of an accord that both have signed; in the caller's transaction."""
    terms = row.terms
    values = {
        "consumer": row.consumer,
        "provider": row.provider,
        "service_code": terms["service"],
        "endpoints": terms["endpoints"],
        "purposes": terms["purposes"],
        "legal_bases": sorted(terms["legal_bases"]),
        "demands": terms["demands"],
        "fields": terms["fields"],
        "represents": terms["represents"],
        "rate": terms["rate"],
        "quota": terms["quota"],
        "consent": terms["consent"],
        "suppress": terms.get("suppress"),
        "first_day": terms["from"],
        "last_day": terms["until"],
        "force": Force.IN_FORCE,
        "is_active": True,
        "is_acted_on": True,
        "accord": row,
    }
    before = Agreement.objects.filter(id=row.agreement_id).first()
    if before is not None and before.accord is not None:
        Accord.objects.filter(pk=before.accord_id).update(state=AccordState.REPLACED, closed_at=at)
    agreement, _ = Agreement.objects.update_or_create(id=row.agreement_id, defaults=values)
    row.state, row.version = AccordState.IN_FORCE, row.version + 1
    row.save(update_fields=["state", "version"])
    record("agreement", row.agreement_id, "in-force", person=None, at=at,
           details={"accord": row.number, "terms": sha256_of(terms).hex()})  # fmt: skip
    for system in (row.consumer, row.provider):
        tell_role(PROPOSER, system.owner_id, "in_force", key=f"{row.number}:in-force",
                  subject=row.number, at=at, number=row.number, consumer=row.consumer.names,
                  provider=row.provider.names)  # fmt: skip
    directory_changes()
    return agreement


def agreement_for(agreement_id: str) -> Agreement:
    """Return an agreement.

    Raises:
        Missing: `stateregister.no_agreement`.
    """
    row = Agreement.objects.select_related(
        "consumer__owner", "provider__owner", "accord"
    ).filter(id=agreement_id).first()  # fmt: skip
    if row is None:
        raise Missing("stateregister.no_agreement")
    return row


def end_what_is_over(*, at: datetime) -> int:
    """End agreements whose last day has passed; return how many."""
    yesterday = local_date(at) - timedelta(days=1)
    over = Agreement.objects.filter(is_acted_on=True, last_day__lte=yesterday).exclude(
        force=Force.ENDED
    )
    count = 0
    for row in over:
        with transaction.atomic():
            row.force, row.is_active = Force.ENDED, False
            row.save(update_fields=["force", "is_active"])
            record("agreement", row.id, "ended", person=None, at=at)
            directory_changes()
        count += 1
    return count


def may_guard(row: Agreement, actor: Actor) -> bool:
    """Say whether the person may suspend and resume."""
    return actor.holds(SIGNATORY, row.provider.owner_id) or actor.holds(
        APPROVER, vocabulary().approvers[APPROVER].body
    )


def _agreement(agreement_id: str) -> Agreement:
    row = (
        Agreement.objects.select_for_update(of=("self",))
        .select_related("consumer__owner", "provider__owner")
        .filter(id=agreement_id)
        .first()
    )
    if row is None:
        raise Missing("stateregister.no_agreement")
    return row


def _guardian(row: Agreement, actor: Actor) -> tuple[str, str]:
    if actor.holds(SIGNATORY, row.provider.owner_id):
        return SIGNATORY, row.provider.owner_id
    body = vocabulary().approvers[APPROVER].body
    need(actor, APPROVER, body)
    return APPROVER, body


def _force(  # noqa: PLR0913, PLR0917 - an act is all of these
    row: Agreement,
    force: Force,
    kind: str,
    actor: Actor,
    role: str,
    body: str,
    reason: str,
    at: datetime,
) -> Agreement:
    if row.force == Force.ENDED:
        raise Conflict("stateregister.not_in_force")
    if len(reason.strip()) < LEAST_REASON:
        raise Invalid("stateregister.reason_needed")
    row.force, row.is_acted_on = force, True
    row.save(update_fields=["force", "is_acted_on"])
    made = record("agreement", row.id, kind, person=actor.person, at=at, body=body, role=role,
                  reason=reason.strip()[:MOST])  # fmt: skip
    tell_role(PROPOSER, row.consumer.owner_id, kind, key=f"{row.id}:{made.pk}", subject=row.id,
              at=at, number=row.id)  # fmt: skip
    directory_changes()
    return row
