"""Giving money back: asked for in the transaction of the reason, done by a job."""

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from procrastinate.contrib.django import app

from pencere.kernel.errors import Conflict, Missing, Refused
from pencere.web.payments import providers
from pencere.web.payments.domain import book
from pencere.web.payments.domain.graph import Event
from pencere.web.payments.domain.moves import move
from pencere.web.payments.models import Charge, Refund
from pencere.web.payments.models.charge import State

log = logging.getLogger(__name__)

# The job stands in `payments.tasks`.
TASK, QUEUE = "payments.give_back", "payments"

# What no longer takes anything from a charge.
DEAD = (Refund.Progress.REFUSED, Refund.Progress.DECLINED)


def request(
    *, charge: Charge, key: str, reason: str, at: datetime, amount: int | None = None
) -> Refund:
    """Ask for `amount` back, or for all that is left, once for each `key`; the job does the rest.

    Must be called in the transaction of its reason: the job is enqueued with it.

    Raises:
        Conflict: "refund.too-much": more than is left of what was paid.
    """
    known = Refund.objects.filter(key=key).first()
    if known is not None:
        return known
    with transaction.atomic():
        charge = Charge.objects.select_for_update().get(pk=charge.pk)
        refund, made = _made(charge, key=key, reason=reason, amount=amount, at=at)
        if made:
            enqueue(refund, charge=charge, source="system", at=at)
    return refund


def enqueue(refund: Refund, *, charge: Charge, source: str, at: datetime) -> None:
    """Write that a refund of a locked charge is asked for, and hand it to the job."""
    facts = {"refund": str(refund.id), "amount": refund.amount, "reason": refund.reason}
    move(charge, Event.ASK_REFUND, source=source, at=at, facts=facts)
    app.configure_task(TASK, queue=QUEUE).defer(refund_id=str(refund.id))


def left_of(charge: Charge) -> int:
    """Return the qəpik of a charge that no live refund has taken."""
    if charge.state != State.PAID:
        return 0
    taken = charge.refunds.exclude(progress__in=DEAD).aggregate(total=Sum("amount"))["total"]
    return int(charge.taken - (taken or 0))


def _made(
    charge: Charge, *, key: str, reason: str, amount: int | None, at: datetime
) -> tuple[Refund, bool]:
    known = Refund.objects.filter(key=key).first()
    if known is not None:  # another was first while we waited for the lock
        return known, False
    left = left_of(charge)
    asked = left if amount is None else amount
    if not 0 < asked <= left:
        raise Conflict("refund.too-much", left=left)
    made = Refund.objects.create(
        key=key, charge=charge, reason=reason, amount=asked, requested_at=at
    )
    return made, True


def give_back_now(*, charge: Charge, key: str, reason: str, at: datetime) -> Refund:
    """Give the whole sum back before going on; the job only finds it done.

    Raises:
        Unavailable: the provider does not answer; the job tries again.
        Conflict: "refund.refused": the provider does not give it back.
    """
    with transaction.atomic():
        asked = request(charge=charge, key=key, reason=reason, at=at)
    refund = give_back(refund_id=asked.id, at=at)
    if refund.progress == Refund.Progress.REFUSED:
        raise Conflict("refund.refused", charge=str(charge.id))
    return refund


def give_back(*, refund_id: UUID, at: datetime) -> Refund:
    """Ask the provider to return the money and write the book. Safe to run twice.

    Raises:
        Unavailable: the provider does not answer; to be tried again.
    """
    refund = Refund.objects.select_related("charge").get(pk=refund_id)
    if refund.progress != Refund.Progress.REQUESTED:
        return refund
    charge = refund.charge
    refused = False
    try:
        providers.provider(charge.provider).refund(
            charge=charge.id, refund=refund.id, amount=refund.amount, at=at
        )
    except Refused:
        refused = True
    with transaction.atomic():
        charge = Charge.objects.select_for_update().get(pk=charge.pk)
        refund = Refund.objects.select_for_update().get(pk=refund_id)
        if refund.progress != Refund.Progress.REQUESTED:
            return refund
        refund.progress = Refund.Progress.REFUSED if refused else Refund.Progress.DONE
        refund.done_at = at
        refund.save()
        facts = {"refund": str(refund.id), "amount": refund.amount, "reason": refund.reason}
        if refused:
            move(charge, Event.FAIL_REFUND, source="system", at=at, facts=facts)
            log.error("refund_refused refund=%s charge=%s", refund.id, charge.id)
            return refund
        done = charge.refunds.filter(progress=Refund.Progress.DONE)
        given = done.aggregate(total=Sum("amount"))["total"]
        event = Event.COMPLETE_REFUND if given == charge.taken else Event.SETTLE_REFUND
        move(charge, event, source="system", at=at, facts=facts)
        book.record_refund(charge=charge, refund=refund.id, amount=refund.amount, at=at)
    log.info("refund_done refund=%s charge=%s", refund.id, charge.id)
    return refund


@transaction.atomic
def retry(*, refund_id: UUID, officer: Any, at: datetime) -> Refund:
    """Ask the provider again for what it refused, or did not answer; twice asks once more at most.

    Raises:
        Missing: "refund.unknown".
        Conflict: "refund.not-open": done, or not granted yet; "refund.too-much": given otherwise.
    """
    found = Refund.objects.filter(pk=refund_id).first()
    if found is None:
        raise Missing("refund.unknown")
    charge = Charge.objects.select_for_update().get(pk=found.charge_id)
    refund = Refund.objects.select_for_update().get(pk=refund_id)
    if refund.progress not in {Refund.Progress.REFUSED, Refund.Progress.REQUESTED}:
        raise Conflict("refund.not-open")
    if refund.progress == Refund.Progress.REFUSED:
        left = left_of(charge)
        if refund.amount > left:
            raise Conflict("refund.too-much", left=left)
        refund.progress, refund.done_at = Refund.Progress.REQUESTED, None
        refund.save(update_fields=["progress", "done_at"])
    enqueue(refund, charge=charge, source="officer", at=at)
    log.info("refund_retried refund=%s officer=%s", refund.id, officer.pk)
    return refund
