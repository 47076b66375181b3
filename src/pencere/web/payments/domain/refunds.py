"""Giving money back: asked for in the transaction of the reason, done by a job."""

import logging
from datetime import datetime
from uuid import UUID

from django.db import transaction
from procrastinate.contrib.django import app

from pencere.kernel.errors import Conflict, Refused
from pencere.web.payments import providers
from pencere.web.payments.domain import book
from pencere.web.payments.domain.graph import check_move
from pencere.web.payments.models import Charge, ChargeEvent, Refund
from pencere.web.payments.models.charge import State

log = logging.getLogger(__name__)

# The job stands in `payments.tasks`.
TASK, QUEUE = "payments.give_back", "payments"


def request(*, charge: Charge, key: str, reason: str, at: datetime) -> Refund:
    """Ask for the whole sum back, once for each `key`; the job does the rest.

    Must be called in the transaction of its reason: the job is enqueued with it.
    """
    refund, made = Refund.objects.get_or_create(
        key=key,
        defaults={
            "charge": charge,
            "reason": reason,
            "amount": charge.amount,
            "requested_at": at,
        },
    )
    if made:
        app.configure_task(TASK, queue=QUEUE).defer(refund_id=str(refund.id))
    return refund


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
        refund = Refund.objects.select_for_update().select_related("charge").get(pk=refund_id)
        if refund.progress != Refund.Progress.REQUESTED:
            return refund
        refund.progress = Refund.Progress.REFUSED if refused else Refund.Progress.DONE
        refund.done_at = at
        refund.save()
        if refused:
            log.error("refund_refused refund=%s charge=%s", refund.id, charge.id)
            return refund
        charge = Charge.objects.select_for_update().get(pk=charge.pk)
        check_move(State(charge.state), State.REFUNDED)
        charge.state = State.REFUNDED
        charge.save(update_fields=["state"])
        ChargeEvent.objects.create(
            charge=charge,
            at=at,
            was=State.PAID,
            became=State.REFUNDED,
            source="system",
            facts={"refund": str(refund.id), "reason": refund.reason},
        )
        book.record_refund(charge=charge, amount=refund.amount, at=at)
    log.info("refund_done refund=%s charge=%s", refund.id, charge.id)
    return refund
