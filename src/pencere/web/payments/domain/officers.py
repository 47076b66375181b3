"""Refunds an officer asks for: with a reason, and by two people above the country's limit."""

import logging
from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Sum

from pencere.kernel.errors import Conflict, Invalid, Missing, Refused
from pencere.web.payments.domain import refunds
from pencere.web.payments.models import Charge, Refund

log = logging.getLogger(__name__)

Progress = Refund.Progress
LONGEST_WORDS = 500


@transaction.atomic
def propose(  # noqa: PLR0913, a refund is all of these
    *,
    charge_id: UUID,
    bodies: Collection[str],
    officer: Any,
    amount: int,
    words: str,
    key: str,
    four_eyes_above: int,
    at: datetime,
) -> Refund:
    """Ask for a refund once for each `key`; above the limit it waits for a second officer.

    The limit counts all that officers gave back of this charge, so that it cannot be cut up.

    Raises:
        Missing: "charge.unknown": no such charge, or of none of `bodies`.
        Refused: "refund.own": the officer paid it.
        Invalid: "refund.words": no reason, or too long.
        Conflict: "refund.too-much".
    """
    charge = _locked(charge_id, bodies=bodies, officer=officer)
    known = Refund.objects.filter(key=key).first()
    if known is not None:
        return known
    reason = words.strip()
    if not reason or len(reason) > LONGEST_WORDS:
        raise Invalid("refund.words", limit=LONGEST_WORDS)
    left = refunds.left_of(charge)
    if not 0 < amount <= left:
        raise Conflict("refund.too-much", left=left)
    earlier = charge.refunds.filter(reason="officer").exclude(progress__in=refunds.DEAD)
    total = amount + (earlier.aggregate(total=Sum("amount"))["total"] or 0)
    alone = total <= four_eyes_above
    refund = Refund.objects.create(
        charge=charge,
        key=key,
        reason="officer",
        amount=amount,
        requested_at=at,
        words=reason,
        asked_by=officer,
        progress=Progress.REQUESTED if alone else Progress.PROPOSED,
    )
    if alone:
        refunds.enqueue(refund, charge=charge, source="officer", at=at)
    log.info("refund_proposed refund=%s charge=%s alone=%s", refund.id, charge.id, alone)
    return refund


@transaction.atomic
def decide(
    *, refund_id: UUID, bodies: Collection[str], officer: Any, grant: bool, at: datetime
) -> Refund:
    """Grant or decline what another officer proposed; the same decision twice is one.

    Raises:
        Missing: "refund.unknown" or "charge.unknown".
        Refused: "refund.four-eyes": the officer proposed it; "refund.own".
        Conflict: "refund.decided": decided otherwise before.
    """
    found = Refund.objects.filter(pk=refund_id, reason="officer").first()
    if found is None:
        raise Missing("refund.unknown")
    charge = _locked(found.charge_id, bodies=bodies, officer=officer)
    refund = Refund.objects.select_for_update().get(pk=refund_id)
    if refund.asked_by_id == officer.pk:
        raise Refused("refund.four-eyes")
    if refund.progress != Progress.PROPOSED:
        declined = refund.progress == Progress.DECLINED
        if refund.decided_by_id != officer.pk or declined is grant:
            raise Conflict("refund.decided")
        return refund
    refund.decided_by = officer
    refund.progress = Progress.REQUESTED if grant else Progress.DECLINED
    refund.save(update_fields=["decided_by", "progress"])
    if grant:
        refunds.enqueue(refund, charge=charge, source="officer", at=at)
    log.info("refund_decided refund=%s granted=%s", refund.id, grant)
    return refund


def _locked(charge_id: UUID, *, bodies: Collection[str], officer: Any) -> Charge:
    charge = Charge.objects.select_for_update().filter(pk=charge_id, beneficiary__in=bodies).first()
    if charge is None:
        raise Missing("charge.unknown")
    if charge.payer_id == officer.pk:
        raise Refused("refund.own")
    return charge
