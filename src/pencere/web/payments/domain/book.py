"""Writing and summing the book of money.

A movement's number is the charge's for its payment and the refund's for a refund, so each is
booked once, whoever tries again.
"""

from datetime import datetime
from uuid import UUID

from django.db.models import Sum

from pencere.web.payments.domain.policy import policy
from pencere.web.payments.models import Charge, Entry


def record_payment(*, charge: Charge, at: datetime) -> None:
    """The provider owes the sum; the body's fee account has earned it."""
    _move(charge, charge.id, debit=f"provider:{charge.provider}",
          credit=f"fee:{charge.beneficiary}", amount=charge.taken, at=at)  # fmt: skip


def record_refund(*, charge: Charge, refund: UUID, amount: int, at: datetime) -> None:
    """The fee account gives back; the provider owes so much less."""
    _move(charge, refund, debit=f"fee:{charge.beneficiary}",
          credit=f"provider:{charge.provider}", amount=amount, at=at)  # fmt: skip


def balance(account: str) -> int:
    """Return the sum of an account in qəpik."""
    total = Entry.objects.filter(account=account).aggregate(total=Sum("amount"))["total"]
    return int(total or 0)


def totals(*, begin: datetime, end: datetime) -> dict[str, int]:
    """Return what each account and treasury code moved in [begin, end), in qəpik."""
    rows = (
        Entry.objects.filter(at__gte=begin, at__lt=end)
        .order_by("account", "treasury")
        .values_list("account", "treasury")
        .annotate(total=Sum("amount"))
    )
    return {f"{account} {treasury}".strip(): int(total) for account, treasury, total in rows}


def unbalanced() -> list[UUID]:
    """Return the movements that do not add up to nothing; there are none, or the book is broken."""
    sums = Entry.objects.order_by().values("movement").annotate(total=Sum("amount"))
    return list(sums.exclude(total=0).values_list("movement", flat=True))


def _move(  # noqa: PLR0913, a movement is all of these
    charge: Charge, movement: UUID, *, debit: str, credit: str, amount: int, at: datetime
) -> None:
    code = policy().treasury_code(charge.beneficiary)
    Entry.objects.bulk_create(
        [
            Entry(movement=movement, account=account, treasury=code, amount=sum_, at=at,
                  charge=charge)
            for account, sum_ in ((debit, amount), (credit, -amount))
        ]
    )  # fmt: skip
