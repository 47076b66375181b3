"""Asking a person for money, and believing the provider's signed word about it, once.

A charge is made for a subject (an application), started at a provider, and settled by whichever
comes first: the provider's callback, or our own question when the callback does not come.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet

from pencere.kernel.errors import Conflict, Missing
from pencere.web.payments import providers
from pencere.web.payments.domain import book, refunds
from pencere.web.payments.domain.graph import Event, after, is_allowed
from pencere.web.payments.domain.moves import begin, move
from pencere.web.payments.domain.policy import policy
from pencere.web.payments.models import Callback, Charge, Refund
from pencere.web.payments.models.charge import OPEN, State
from pencere.web.payments.providers.protocol import Notice, Order

log = logging.getLogger(__name__)

LIFETIME = timedelta(minutes=30)

# Why all of a payment goes back that is not of the sum that was asked.
WRONG_AMOUNT = "wrong-amount"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is paid for: a kind and an id of another app."""

    kind: str
    id: str


def current_charge(subject: Subject) -> Charge | None:
    """Return the paid charge of a subject, else its open one, else its latest.

    One of a wrong sum, which goes back, is none.
    """
    found = _that_count(subject)
    by_rank = {State.PAID: 0, State.STARTED: 1, State.CREATED: 1}
    ranked = sorted(found.order_by("-created_at"), key=lambda c: by_rank.get(State(c.state), 2))
    return ranked[0] if ranked else None


def paid_charge(subject: Subject) -> Charge | None:
    """Return the charge that paid for a subject and was not given back, or None."""
    return _that_count(subject).filter(state=State.PAID).first()


def goes_back(subject: Subject) -> bool:
    """Say whether a wrong sum was paid for a subject, and is being returned."""
    return Charge.objects.filter(
        subject_kind=subject.kind, subject_id=subject.id, refunds__reason=WRONG_AMOUNT
    ).exists()


@transaction.atomic
def request_charge(  # noqa: PLR0913, a charge is all of these
    *,
    payer: Any,
    subject: Subject,
    beneficiary: str,
    amount: int,
    description: Mapping[str, str],
    basis: Mapping[str, Any],
    at: datetime,
    provider: str = providers.DEFAULT,
) -> Charge:
    """Return the open charge of a subject, made if there is none.

    An open charge of another sum is cancelled first: the fee was worked out anew.

    Raises:
        Conflict: "charge.already-paid".
    """
    if paid_charge(subject) is not None:
        raise Conflict("charge.already-paid")
    _expire_of(subject, at=at)
    found = _open_charge(subject)
    if found is not None and found.amount == amount and found.expires_at > at:
        return found
    if found is not None:
        move(found, Event.CANCEL, source="system", at=at, facts={"why": "replaced"})
    try:
        with transaction.atomic():
            charge = Charge.objects.create(
                payer=payer,
                subject_kind=subject.kind,
                subject_id=subject.id,
                beneficiary=beneficiary,
                amount=amount,
                description=dict(description),
                basis=dict(basis),
                provider=provider,
                created_at=at,
                expires_at=at + LIFETIME,
            )
    except IntegrityError:  # the same page in another tab was first
        found = _open_charge(subject)
        if found is None:
            raise
        return found
    begin(charge, source="person", at=at)
    return charge


@transaction.atomic
def start(
    *, charge_id: UUID, language: str, return_url: str, callback_url: str, at: datetime
) -> str:
    """Return the provider's address for this charge; starting twice gives it again.

    Raises:
        Conflict: "charge.move": the charge is no longer open.
    """
    charge = _locked(charge_id)
    if charge.state == State.CREATED:
        charge.started_at = at
        move(charge, Event.START, source="person", at=at)
    elif charge.state != State.STARTED:
        after(State(charge.state), Event.START)
    order = Order(
        charge=charge.id,
        amount=charge.amount,
        description=charge.description,
        language=language,
        return_url=return_url,
        callback_url=callback_url,
        expires_at=charge.expires_at,
    )
    return providers.provider(charge.provider).redirect(order, at=at)


def receive_callback(
    *, provider: str, headers: Mapping[str, str], body: bytes, at: datetime
) -> str:
    """Take a provider's callback and return its verdict.

    "settled": the charge moved; "already": this event, or its outcome, was known; "late": the
    charge had been given up and the money came all the same; "mismatch": another sum than asked
    came, and goes back by the country's rule.

    Raises:
        Refused: forged or stale. Nothing is stored.
        Invalid: signed, and not of the agreed form.
        Missing: "charge.unknown".
    """
    notice = providers.provider(provider).read_callback(headers, body, at=at)
    digest = hashlib.sha256(body).digest()
    with transaction.atomic():
        charge = _locked(notice.charge)
        if Callback.objects.filter(provider=provider, event=notice.event).exists():
            return "already"
        verdict = _apply(charge, notice, source="callback", at=at)
        Callback.objects.create(
            provider=provider,
            event=notice.event,
            charge=charge,
            received_at=at,
            body_sha256=digest,
            verdict=verdict,
        )
    if verdict == "mismatch":
        log.error("payment_amount_mismatch charge=%s", charge.id)
    return verdict


def poll(*, charge_id: UUID, at: datetime) -> State:
    """Ask the provider where an open charge stands, and return where it stands now.

    Raises:
        Unavailable: the provider does not answer; nothing has changed.
    """
    charge = Charge.objects.get(pk=charge_id)
    if charge.state != State.STARTED:
        return State(charge.state)
    standing = providers.provider(charge.provider).ask(charge.id, at=at)
    with transaction.atomic():
        charge = _locked(charge_id)
        charge.polled_at = at
        charge.save(update_fields=["polled_at"])
        if standing.notice is not None:
            _apply(charge, standing.notice, source="poll", at=at)
        elif charge.expires_at <= at and charge.state in OPEN:
            move(charge, Event.EXPIRE, source="poll", at=at)
    return State(charge.state)


def due_for_poll(*, at: datetime, older_than: timedelta, limit: int = 200) -> list[UUID]:
    """Return started charges that have heard nothing for so long, oldest first."""
    found = Charge.objects.filter(state=State.STARTED, started_at__lte=at - older_than)
    return list(found.order_by("polled_at", "started_at").values_list("id", flat=True)[:limit])


def expire_unstarted(*, at: datetime) -> int:
    """Expire charges nobody went to the provider with; return how many."""
    count = 0
    for charge_id in Charge.objects.filter(state=State.CREATED, expires_at__lte=at).values_list(
        "id", flat=True
    ):
        with transaction.atomic():
            charge = _locked(charge_id)
            if charge.state == State.CREATED:
                move(charge, Event.EXPIRE, source="system", at=at)
                count += 1
    return count


def cancel_open(*, subject: Subject, at: datetime) -> None:
    """Give up the open charge of a subject that was left; money that still comes is returned."""
    with transaction.atomic():
        charge = _open_charge(subject)
        if charge is not None:
            move(charge, Event.CANCEL, source="system", at=at, facts={"why": "subject-left"})


def correct(*, charge_id: UUID, notice: Notice, by: str, at: datetime) -> str:
    """Believe the bank's statement over what was heard before; return the verdict.

    The verdicts are those of `receive_callback`; `by` names the act that decided it.
    """
    with transaction.atomic():
        return _apply(
            _locked(charge_id), notice, source="statement", at=at, by=by, paid_by=Event.CORRECT
        )


def _apply(  # noqa: PLR0913, a word of a provider is all of these
    charge: Charge,
    notice: Notice,
    *,
    source: str,
    at: datetime,
    by: str = "",
    paid_by: Event = Event.CAPTURE,
) -> str:
    was, to = State(charge.state), State(notice.outcome)
    facts: dict[str, Any]
    if was == to or (was == State.REFUNDED and to == State.PAID):
        return "already"
    if to == State.PAID and notice.amount <= 0:
        facts = {"problem": "amount", "said": notice.amount}
        move(charge, Event.NOTE, source=source, at=at, facts=facts)
        return "mismatch"
    event = {State.PAID: paid_by, State.FAILED: Event.FAIL}.get(to, Event.CANCEL)
    if not is_allowed(was, event):
        move(charge, Event.NOTE, source=source, at=at, facts={"ignored": str(to)})
        return "already"
    others = _that_count(Subject(charge.subject_kind, charge.subject_id)).exclude(pk=charge.pk)
    paid_before = others.filter(state=State.PAID).exists()
    differs = to == State.PAID and notice.amount != charge.amount
    if differs:
        charge.received = notice.amount
    charge.provider_reference = notice.reference
    charge.settled_at = at
    facts = {"event": notice.event, **({"by": by} if by else {})}
    if differs:
        facts |= {"problem": "amount", "said": notice.amount}
    move(charge, event, source=source, at=at, facts=facts)
    if to == State.PAID:
        book.record_payment(charge=charge, at=at)
        if paid_before or _was_left(charge, was):
            refunds.request(
                charge=charge, key=f"paid-twice:{charge.id}", reason="paid-twice", at=at
            )
        elif differs:
            _give_back_what_differs(charge, at=at)
    if differs:
        return "mismatch"
    return "late" if was not in OPEN else "settled"


def _give_back_what_differs(charge: Charge, *, at: datetime) -> None:
    """Return what is too much, or, when it is too little or the country says so, all of it."""
    excess = charge.taken - charge.amount
    if excess > 0 and policy().too_much == "return-excess":
        refunds.request(
            charge=charge, key=f"excess:{charge.id}", reason="excess", amount=excess, at=at
        )
    else:
        key = f"{WRONG_AMOUNT}:{charge.id}"
        refunds.request(charge=charge, key=key, reason=WRONG_AMOUNT, at=at)


def _that_count(subject: Subject) -> QuerySet[Charge]:
    found = Charge.objects.filter(subject_kind=subject.kind, subject_id=subject.id)
    returned = Refund.objects.filter(charge=OuterRef("pk"), reason=WRONG_AMOUNT)
    return found.filter(~Exists(returned))


def _was_left(charge: Charge, was: State) -> bool:
    """Say whether the subject no longer wants this payment."""
    if was != State.CANCELLED:
        return False
    last = charge.events.filter(event=Event.CANCEL).last()
    return last is not None and last.facts.get("why") == "subject-left"


def _expire_of(subject: Subject, *, at: datetime) -> None:
    charge = _open_charge(subject)
    if charge is not None and charge.expires_at <= at:
        move(charge, Event.EXPIRE, source="system", at=at)


def _open_charge(subject: Subject) -> Charge | None:
    return (
        Charge.objects.select_for_update()
        .filter(subject_kind=subject.kind, subject_id=subject.id, state__in=OPEN)
        .first()
    )


def _locked(charge_id: UUID) -> Charge:
    charge = Charge.objects.select_for_update().filter(pk=charge_id).first()
    if charge is None:
        raise Missing("charge.unknown")
    return charge
