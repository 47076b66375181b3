"""Giving the fee back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from pencere.web.cases.models import Effect
from pencere.web.payments.domain import refunds
from pencere.web.payments.models import Charge


def do(effect: Effect, *, at: datetime) -> Mapping[str, Any]:
    """Ask for the refund of what was paid for the application; nothing paid, nothing back."""
    if effect.case.charge is None:
        return {"refund": None}
    with transaction.atomic():
        refund = refunds.request(
            charge=Charge.objects.get(pk=effect.case.charge),
            key=effect.key,
            reason="case",
            at=at,
        )
    return {"refund": str(refund.id)}
