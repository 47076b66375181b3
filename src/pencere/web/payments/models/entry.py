"""The book of money: double entry, integer qəpik, append-only."""

from django.db import models

from pencere.web.payments.models.charge import Charge


class Entry(models.Model):
    """One line. Lines of one `movement` add up to nothing; the database refuses otherwise.

    A positive amount is money the account holds or is owed, a negative one where it comes from.
    """

    append_only = True

    movement = models.UUIDField()
    account = models.CharField(max_length=96)  # provider:bank, fee:dyp
    treasury = models.CharField(max_length=32, default="")  # code of budget revenue
    amount = models.BigIntegerField()
    at = models.DateTimeField()
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="entries")

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["movement"], name="entry_movement"),
            models.Index(fields=["account", "at"], name="entry_account"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["movement", "account"], name="entry_once_an_account")
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.amount}"
