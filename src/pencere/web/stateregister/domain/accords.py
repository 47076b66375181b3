"""Accords: texts of agreements on exchange, from the first draft to the right that they make.

Drafted by the body that wants something, agreed with the one that has it, checked by the register,
signed by both. Only then there is an agreement, and with it a right in the directory.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from pencere.kernel.canonical import sha256_of
from pencere.kernel.clock import local_date
from pencere.kernel.errors import Conflict, Invalid, Missing, Refused
from pencere.web.stateregister.domain.accord_document import document_of
from pencere.web.stateregister.domain.accord_requests import make
from pencere.web.stateregister.domain.accord_terms import KEYS, empty_terms, holds
from pencere.web.stateregister.domain.agreements import OPEN, locked_agreement
from pencere.web.stateregister.domain.exchange_data import EVENTS, SUBSCRIPTION
from pencere.web.stateregister.domain.offices import (
    APPROVER,
    PROPOSER,
    SIGNATORY,
    SUPERVISOR,
    Actor,
    need,
)
from pencere.web.stateregister.domain.recording import record
from pencere.web.stateregister.domain.sides import (
    asked,
    asking,
    asking_of,
    endpoints_about,
)
from pencere.web.stateregister.domain.telling import tell_role
from pencere.web.stateregister.domain.vocabulary import vocabulary
from pencere.web.stateregister.models import Accord, AccordState, Act, Force, Signature, System

ABOUT = "accord"
LEAST_REASON = 10
MOST = 5000


@transaction.atomic
def begin(*, wants: System, holder: System, service: str, actor: Actor, at: datetime) -> Accord:
    """Draft an accord about a service of `holder`, or return the draft that this person has.

    About what `holder` publishes it becomes a subscription.

    Raises:
        Refused: `stateregister.not_yours`.
        Invalid: `stateregister.same_system`.
    """
    need(actor, PROPOSER, wants.owner_id)
    if wants.pk == holder.pk:
        raise Invalid("stateregister.same_system")
    # Of two presses at once the second waits here and finds the draft of the first.
    System.objects.select_for_update().get(pk=wants.pk)
    offered = holder.services.filter(code=service, is_active=True).first()
    consumer, provider = wants, holder
    if service == EVENTS:
        service, consumer, provider = SUBSCRIPTION, holder, wants
    open_one = Accord.objects.filter(
        consumer=consumer, provider=provider, terms__service=service, state=AccordState.DRAFT,
        is_amendment=False, drafter=actor.person,
    ).first()  # fmt: skip
    if open_one is not None:
        return open_one
    terms = empty_terms(
        on=local_date(at), service=service, endpoints=endpoints_about(holder, service)
    )
    if offered is not None and offered.consent:
        terms["consent"] = True
    return make(consumer, provider, terms, drafter=actor.person, at=at)


@transaction.atomic
def amend(agreement_id: str, *, actor: Actor, at: datetime) -> Accord:
    """Draft another text of an agreement; the old one counts until both have signed.

    Returns the text that is being agreed about already, if there is one.

    Raises:
        Conflict: `stateregister.not_in_force`.
    """
    agreement = locked_agreement(agreement_id)
    terms = {
        "service": agreement.service_code,
        "endpoints": agreement.endpoints,
        "purposes": agreement.purposes,
        "legal_bases": agreement.legal_bases,
        "fields": agreement.fields,
        "persons": agreement.accord.terms["persons"] if agreement.accord else 0,
        "demands": agreement.demands,
        "rate": agreement.rate,
        "quota": agreement.quota,
        "represents": agreement.represents,
        "consent": agreement.consent,
        "suppress": agreement.suppress,
        "from": max(agreement.first_day, local_date(at)).isoformat(),
        "until": agreement.last_day.isoformat(),
        "note": "",
    }
    need(actor, PROPOSER, asking_of(agreement).owner_id)
    if agreement.force == Force.ENDED:
        raise Conflict("stateregister.not_in_force")
    open_one = Accord.objects.filter(agreement_id=agreement_id, state__in=OPEN).first()
    if open_one is not None:
        return open_one
    return make(agreement.consumer, agreement.provider, terms, drafter=actor.person, at=at,
                agreement_id=agreement.id)  # fmt: skip


@transaction.atomic
def save(
    number: str, *, version: int, terms: Mapping[str, Any], actor: Actor, at: datetime
) -> Accord:
    """Write terms: the body that asks while it drafts, the one that is asked while it is offered.

    Raises:
        Refused, Conflict: not theirs now; changed meanwhile.
        Invalid: `stateregister.content`.
    """
    row = _locked(number)
    side = {AccordState.DRAFT: asking(row), AccordState.OFFERED: asked(row)}.get(
        AccordState(row.state)
    )
    if side is None:
        raise Conflict("stateregister.decided")
    need(actor, PROPOSER, side.owner_id)
    _same(row, version)
    if not terms.keys() <= KEYS:
        raise Invalid("stateregister.content")
    row.terms |= terms
    row.version += 1
    row.save(update_fields=["terms", "version"])
    record(ABOUT, number, "written", person=actor.person, at=at, body=side.owner_id,
           role=PROPOSER, of_round=row.version,
           details={"terms": sha256_of(row.terms).hex()})  # fmt: skip
    return row


@transaction.atomic
def offer(number: str, *, version: int, actor: Actor, at: datetime) -> Accord:
    """Send the draft to the body that is asked.

    Raises:
        Conflict: `stateregister.not_complete`: a check that must hold does not.
    """
    row = _locked(number)
    need(actor, PROPOSER, asking(row).owner_id)
    if row.state == AccordState.OFFERED and version in {row.version, row.version - 1}:
        return row
    _in_state(row, AccordState.DRAFT, version)
    if not holds(row, on=local_date(at)):
        raise Conflict("stateregister.not_complete")
    row.round += 1
    _go(row, AccordState.OFFERED, "offered", actor, asking(row).owner_id, PROPOSER, at=at)
    _tell(row, PROPOSER, asked(row).owner_id, "offered", at=at)
    return row


@transaction.atomic
def accept(number: str, *, version: int, actor: Actor, at: datetime) -> Accord:
    """Agree to the terms as the body that is asked; the register checks next.

    Raises:
        Refused: `stateregister.own_proposal`: who drafted it does not accept it.
    """
    row = _locked(number)
    need(actor, PROPOSER, asked(row).owner_id)
    if row.state == AccordState.ACCEPTED and version in {row.version, row.version - 1}:
        return row
    _in_state(row, AccordState.OFFERED, version)
    if _took_part(row, actor, "drafted", "offered"):
        raise Refused("stateregister.own_proposal")
    if not holds(row, on=local_date(at)):
        raise Conflict("stateregister.not_complete")
    _go(row, AccordState.ACCEPTED, "accepted", actor, asked(row).owner_id, PROPOSER, at=at)
    _tell(row, APPROVER, vocabulary().approvers[APPROVER].body, "accepted", at=at)
    return row


@transaction.atomic
def give_back(number: str, *, version: int, actor: Actor, reason: str, at: datetime) -> Accord:
    """Return it to who asks with a reason: the body that is asked, or the register."""
    row = _locked(number)
    role, body = _reviewer(row, actor)
    _same(row, version)
    if len(reason.strip()) < LEAST_REASON:
        raise Invalid("stateregister.reason_needed")
    _go(row, AccordState.DRAFT, "returned", actor, body, role, reason=reason, at=at)
    _tell(row, PROPOSER, asking(row).owner_id, "accord_returned", at=at)
    return row


@transaction.atomic
def refuse(number: str, *, version: int, actor: Actor, reason: str, at: datetime) -> Accord:
    """Refuse it with reasons; that ends this text."""
    row = _locked(number)
    role, body = _reviewer(row, actor)
    _same(row, version)
    if len(reason.strip()) < LEAST_REASON:
        raise Invalid("stateregister.reason_needed")
    row.closed_at = at
    _go(row, AccordState.REFUSED, "refused", actor, body, role, reason=reason, at=at)
    _tell(row, PROPOSER, asking(row).owner_id, "accord_refused", at=at)
    return row


@transaction.atomic
def withdraw(number: str, *, version: int, actor: Actor, at: datetime) -> Accord:
    """Take it back as the body that asks, as long as not both have signed."""
    row = _locked(number)
    need(actor, PROPOSER, asking(row).owner_id)
    if row.state == AccordState.WITHDRAWN:
        return row
    if row.state not in OPEN or row.signatures.count() == len(Signature.Side.values):
        raise Conflict("stateregister.decided")
    _same(row, version)
    row.closed_at = at
    _go(row, AccordState.WITHDRAWN, "withdrawn", actor, asking(row).owner_id, PROPOSER, at=at)
    return row


@transaction.atomic
def clear(number: str, *, version: int, actor: Actor, at: datetime) -> Accord:
    """Let it be signed, as the register: every check holds; the document is made and stays.

    Raises:
        Refused: `stateregister.own_proposal`.
        Conflict: `stateregister.not_complete`.
    """
    row = _locked(number)
    need(actor, APPROVER, vocabulary().approvers[APPROVER].body)
    if row.state == AccordState.SIGNING and version in {row.version, row.version - 1}:
        return row
    _in_state(row, AccordState.ACCEPTED, version)
    if _took_part(row, actor, "drafted", "offered", "accepted", "written"):
        raise Refused("stateregister.own_proposal")
    if not holds(row, on=local_date(at)):
        raise Conflict("stateregister.not_complete")
    row.document_sha256 = document_of(row, by=actor.person, at=at)
    _go(row, AccordState.SIGNING, "cleared", actor, vocabulary().approvers[APPROVER].body,
        APPROVER, at=at)  # fmt: skip
    for system in (row.consumer, row.provider):
        _tell(row, SIGNATORY, system.owner_id, "to_sign", at=at)
    return row


def accord(number: str, *, actor: Actor) -> Accord:
    """Return an accord to either body, to the register, and to the supervisor.

    Raises:
        Missing: `stateregister.no_accord`.
    """
    row = Accord.objects.select_related(
        "consumer__owner", "provider__owner", "drafter"
    ).filter(number=number).first()  # fmt: skip
    if row is not None:
        bodies = {row.consumer.owner_id, row.provider.owner_id}
        is_party = bool(bodies & actor.bodies(PROPOSER, SIGNATORY))
        if is_party or actor.holds(SUPERVISOR) or actor.holds(APPROVER):
            return row
    raise Missing("stateregister.no_accord")


def _locked(number: str) -> Accord:
    row = (
        Accord.objects.select_for_update(of=("self",))
        .select_related("consumer__owner", "provider__owner", "drafter")
        .filter(number=number)
        .first()
    )
    if row is None:
        raise Missing("stateregister.no_accord")
    return row


def _same(row: Accord, version: int) -> None:
    if row.version != version:
        raise Conflict("stateregister.changed")


def _in_state(row: Accord, state: AccordState, version: int) -> None:
    if row.state != state:
        raise Conflict("stateregister.decided")
    _same(row, version)


def _reviewer(row: Accord, actor: Actor) -> tuple[str, str]:
    """Return as what the person reviews it in its present state."""
    if row.state == AccordState.OFFERED:
        role, body = PROPOSER, asked(row).owner_id
    elif row.state in {AccordState.ACCEPTED, AccordState.SIGNING}:
        role, body = APPROVER, vocabulary().approvers[APPROVER].body
        if row.state == AccordState.SIGNING and row.signatures.exists():
            raise Conflict("stateregister.decided")
    else:
        raise Conflict("stateregister.decided")
    need(actor, role, body)
    return role, body


def _took_part(row: Accord, actor: Actor, *kinds: str) -> bool:
    return Act.objects.filter(
        about=ABOUT, subject=row.number, person=actor.person, kind__in=kinds
    ).exists()


def _go(  # noqa: PLR0913, PLR0917 - a step is all of these
    row: Accord,
    state: AccordState,
    kind: str,
    actor: Actor,
    body: str,
    role: str,
    *,
    at: datetime,
    reason: str = "",
) -> None:
    row.state, row.version = state, row.version + 1
    row.save(update_fields=["state", "version", "round", "document_sha256", "closed_at"])
    record(ABOUT, row.number, kind, person=actor.person, at=at, body=body, role=role,
           reason=reason.strip()[:MOST], of_round=row.round,
           details={"terms": sha256_of(row.terms).hex()})  # fmt: skip


def _tell(row: Accord, role: str, body: str, what: str, *, at: datetime) -> None:
    tell_role(role, body, what, key=f"{row.number}:{row.version}:{what}", subject=row.number,
              at=at, number=row.number, consumer=row.consumer.names,
              provider=row.provider.names)  # fmt: skip
