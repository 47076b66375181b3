"""Agreements: rights that signed accords made, stopped, taken up again, and ended."""

from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Count

from pencere.kernel.canonical import sha256_of
from pencere.kernel.clock import local_date
from pencere.kernel.errors import Conflict, Invalid, Missing
from pencere.web.stateregister.domain.accord_terms import last_day_by_notice
from pencere.web.stateregister.domain.offices import APPROVER, PROPOSER, SIGNATORY, Actor, need
from pencere.web.stateregister.domain.publishing import directory_changes
from pencere.web.stateregister.domain.recording import record
from pencere.web.stateregister.domain.sides import asking_of, guarded
from pencere.web.stateregister.domain.telling import tell_role
from pencere.web.stateregister.domain.terms import term
from pencere.web.stateregister.domain.vocabulary import vocabulary
from pencere.web.stateregister.models import (
    Accord,
    AccordState,
    Act,
    Agreement,
    Force,
    Signature,
)

# States of an accord that may still become the right.
OPEN = (AccordState.DRAFT, AccordState.OFFERED, AccordState.ACCEPTED, AccordState.SIGNING)
LEAST_REASON = 10
MOST = 5000


@transaction.atomic
def suspend(agreement_id: str, *, actor: Actor, reason: str, at: datetime) -> Agreement:
    """Stop an agreement for a time: a signatory of whose data it opens, or the register."""
    row = locked_agreement(agreement_id)
    role, body = _guardian(row, actor)
    if row.force == Force.SUSPENDED:
        return row
    return _force(row, Force.SUSPENDED, "suspended", actor, role, body, reason, at)


@transaction.atomic
def resume(agreement_id: str, *, actor: Actor, reason: str, at: datetime) -> Agreement:
    """Let a suspended agreement count again; who may suspend it may."""
    row = locked_agreement(agreement_id)
    role, body = _guardian(row, actor)
    if row.force == Force.IN_FORCE:
        return row
    return _force(row, Force.IN_FORCE, "resumed", actor, role, body, reason, at)


@transaction.atomic
def terminate(agreement_id: str, *, actor: Actor, reason: str, at: datetime) -> Agreement:
    """Give notice as a signatory of either side: it ends after the notice of the law data."""
    row = locked_agreement(agreement_id)
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
    """Make the right of an accord that both have signed; in the caller's transaction.

    What was done to the right while its new text was agreed about stands: a suspended agreement
    stays suspended, and one of which notice was given ends on that day.

    Raises:
        Conflict: `stateregister.not_in_force`: the agreement to amend has ended.
    """
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
        "is_active": True,
        "is_acted_on": True,
        "accord": row,
    }
    if row.is_amendment:
        before = locked_agreement(row.agreement_id)
        if before.force == Force.ENDED:
            raise Conflict("stateregister.not_in_force")
        ends = last_day_by_notice(before.id)
        if ends is not None:
            values["last_day"] = min(ends.isoformat(), terms["until"])
            values["first_day"] = min(terms["from"], values["last_day"])
        if before.accord is not None:
            replaced = Accord.objects.filter(pk=before.accord_id)
            replaced.update(state=AccordState.REPLACED, closed_at=at)
    agreement, _ = Agreement.objects.update_or_create(id=row.agreement_id, defaults=values)
    row.state, row.version = AccordState.IN_FORCE, row.version + 1
    row.save(update_fields=["state", "version"])
    record("agreement", row.agreement_id, "in-force", person=None, at=at,
           details={"accord": row.number, "from": values["first_day"],
                    "terms": sha256_of(terms).hex(), "until": values["last_day"]})  # fmt: skip
    for system in (row.consumer, row.provider):
        tell_role(PROPOSER, system.owner_id, "in_force", key=f"{row.number}:in-force",
                  subject=row.number, at=at, number=row.number, consumer=row.consumer.names,
                  provider=row.provider.names)  # fmt: skip
    directory_changes()
    return agreement


def begin_what_is_due(*, at: datetime) -> int:
    """Put amendments in force whose first day has come; return how many."""
    today = local_date(at).isoformat()
    due = Accord.objects.filter(state=AccordState.SIGNING, terms__from__lte=today)
    waiting = due.annotate(sides=Count("signatures")).filter(sides=len(Signature.Side.values))
    return sum(_begin(number, at=at) for number in waiting.values_list("number", flat=True))


@transaction.atomic
def _begin(number: str, *, at: datetime) -> bool:
    row = (
        Accord.objects.select_for_update(of=("self",))
        .select_related("consumer__owner", "provider__owner")
        .get(pk=number)
    )
    if row.state != AccordState.SIGNING:
        return False  # begun, or ended with its agreement, since it was found
    put_in_force(row, at=at)
    return True


def counts_from_now(row: Accord, *, at: datetime) -> bool:
    """Say whether a signed text counts at once: an amendment waits for its first day.

    Of a first text the directory tells the first day.
    """
    return not row.is_amendment or row.terms["from"] <= local_date(at).isoformat()


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
    """End agreements whose last day has passed, and texts to amend them; return how many."""
    yesterday = local_date(at) - timedelta(days=1)
    over = Agreement.objects.filter(is_acted_on=True, last_day__lte=yesterday).exclude(
        force=Force.ENDED
    )
    return sum(
        _end(agreement_id, yesterday, at=at) for agreement_id in over.values_list("id", flat=True)
    )


@transaction.atomic
def _end(agreement_id: str, last: date, *, at: datetime) -> bool:
    # Accords before agreements, as where they are signed.
    texts = list(
        Accord.objects.select_for_update().filter(agreement_id=agreement_id, state__in=OPEN)
    )
    row = locked_agreement(agreement_id)
    if row.force == Force.ENDED or row.last_day > last:
        return False  # amended, or ended by another, since it was found
    row.force, row.is_active = Force.ENDED, False
    row.save(update_fields=["force", "is_active"])
    record("agreement", row.id, "ended", person=None, at=at)
    for text in texts:
        text.state, text.version, text.closed_at = AccordState.WITHDRAWN, text.version + 1, at
        text.save(update_fields=["state", "version", "closed_at"])
        record("accord", text.number, "withdrawn", person=None, at=at)
    directory_changes()
    return True


def may_guard(row: Agreement, actor: Actor) -> bool:
    """Say whether the person may suspend and resume."""
    return actor.holds(SIGNATORY, guarded(row).owner_id) or actor.holds(
        APPROVER, vocabulary().approvers[APPROVER].body
    )


def locked_agreement(agreement_id: str) -> Agreement:
    """Return an agreement and its lock, until the caller's transaction ends.

    Raises:
        Missing: `stateregister.no_agreement`.
    """
    row = (
        Agreement.objects.select_for_update(of=("self",))
        .select_related("consumer__owner", "provider__owner", "accord")
        .filter(id=agreement_id)
        .first()
    )
    if row is None:
        raise Missing("stateregister.no_agreement")
    return row


def _guardian(row: Agreement, actor: Actor) -> tuple[str, str]:
    if actor.holds(SIGNATORY, guarded(row).owner_id):
        return SIGNATORY, guarded(row).owner_id
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
    tell_role(PROPOSER, asking_of(row).owner_id, kind, key=f"{row.id}:{made.pk}", subject=row.id,
              at=at, number=row.id)  # fmt: skip
    directory_changes()
    return row
