"""Writing the book of money."""

import uuid
from datetime import datetime

from django.db.models import Sum

from pencere.web.payments.models import Charge, Entry


def record_payment(*, charge: Charge, at: datetime) -> None:
    """The provider owes the sum; the body's fee account has earned it."""
    _move(charge, debit=f"provider:{charge.provider}", credit=f"fee:{charge.beneficiary}",
          amount=charge.amount, at=at)  # fmt: skip


def record_refund(*, charge: Charge, amount: int, at: datetime) -> None:
    """The fee account gives back; the provider owes so much less."""
    _move(charge, debit=f"fee:{charge.beneficiary}", credit=f"provider:{charge.provider}",
          amount=amount, at=at)  # fmt: skip


def balance(account: str) -> int:
    """Return the sum of an account in qəpik."""
    total = Entry.objects.filter(account=account).aggregate(total=Sum("amount"))["total"]
    return int(total or 0)


def _move(charge: Charge, *, debit: str, credit: str, amount: int, at: datetime) -> None:
    movement = uuid.uuid4()
    Entry.objects.bulk_create(
        [
            Entry(movement=movement, account=debit, amount=amount, at=at, charge=charge),
            Entry(movement=movement, account=credit, amount=-amount, at=at, charge=charge),
        ]
    )
