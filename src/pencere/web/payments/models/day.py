"""Days of money: the bank's statement, what does not fit, and the closing."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Statement(models.Model):
    """That the bank's statement of a day was compared with the book; the latest time counts."""

    provider = models.CharField(max_length=32)
    day = models.DateField()
    compared_at = models.DateTimeField()
    lines = models.PositiveIntegerField()
    sha256 = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "day"], name="statement_once_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.day}"


class StatementLine(models.Model):
    """One movement as the bank told it when the day was last compared. Sums are in qəpik."""

    statement = models.ForeignKey(Statement, on_delete=models.CASCADE, related_name="told")
    movement = models.CharField(max_length=16)  # payment, refund
    number = models.CharField(max_length=64)
    charge_number = models.CharField(max_length=64)
    reference = models.CharField(max_length=128, blank=True, default="")
    amount = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.movement} {self.number}"


class Difference(models.Model):
    """A movement that the bank and the book do not tell alike. Sums are in qəpik."""

    class Kind(models.TextChoices):
        """What does not fit."""

        BANK_ONLY = "bank-only"
        BOOK_ONLY = "book-only"
        AMOUNT = "amount"

    provider = models.CharField(max_length=32)
    day = models.DateField()
    kind = models.CharField(max_length=16, choices=Kind.choices)
    movement = models.CharField(max_length=16)  # payment, refund
    number = models.CharField(max_length=64)  # the charge's or the refund's
    charge_number = models.CharField(max_length=64)
    reference = models.CharField(max_length=128, blank=True, default="")
    bank_amount = models.BigIntegerField(default=0)
    book_amount = models.BigIntegerField(default=0)
    found_at = models.DateTimeField()
    explained_at = models.DateTimeField(null=True)
    explained_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    words = models.CharField(max_length=500, blank=True, default="")
    how = models.CharField(max_length=16, blank=True, default="")  # explain, correct
    proposed_at = models.DateTimeField(null=True)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    proposed_words = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["day", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "day", "movement", "number"], name="difference_once"
            ),
            models.CheckConstraint(
                condition=Q(explained_at__isnull=True) | ~Q(words=""),
                name="difference_explained_in_words",
            ),
            models.CheckConstraint(
                condition=Q(explained_by__isnull=True)
                | Q(proposed_by__isnull=True)
                | ~Q(explained_by=models.F("proposed_by")),
                name="difference_four_eyes",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.kind} {self.number}"


class Closing(models.Model):
    """A closed day. Append-only; nothing is booked into it any more."""

    append_only = True

    day = models.DateField(unique=True)
    ends_at = models.DateTimeField()
    closed_at = models.DateTimeField()
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    last_entry = models.BigIntegerField()
    totals = models.JSONField()

    def __str__(self) -> str:
        return f"closing {self.day}"
