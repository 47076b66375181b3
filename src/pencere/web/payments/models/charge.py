"""A charge: a sum a person is asked to pay for one thing, and what became of it."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class State(models.TextChoices):
    """Where a charge stands. The graph of moves is `domain.graph.EDGES`."""

    CREATED = "created"
    STARTED = "started"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUNDED = "refunded"


OPEN = (State.CREATED, State.STARTED)


class Charge(models.Model):
    """One try to collect one sum. `amount` is in qəpik.

    `subject_kind` and `subject_id` name what is paid for, without a foreign key: payments know
    nothing of what they are for. `basis` is the fee's lines and trace as they were shown.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    payer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    subject_kind = models.CharField(max_length=32)
    subject_id = models.CharField(max_length=64)
    beneficiary = models.CharField(max_length=64)
    amount = models.BigIntegerField()
    received = models.BigIntegerField(null=True)  # what came, where it is not what was asked
    description = models.JSONField()
    basis = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=State.choices, default=State.CREATED)
    provider = models.CharField(max_length=32)
    provider_reference = models.CharField(max_length=128, blank=True, default="")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    polled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="charge_amount_positive"),
            models.CheckConstraint(
                condition=Q(state__in=State.values), name="charge_state_is_known"
            ),
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id"],
                condition=Q(state__in=[State.CREATED, State.STARTED]),
                name="charge_one_open_for_a_subject",
            ),
        ]
        indexes = [
            models.Index(fields=["subject_kind", "subject_id"], name="charge_subject"),
            models.Index(fields=["payer", "-created_at"], name="charge_payer"),
            models.Index(
                fields=["expires_at"],
                condition=Q(state__in=[State.CREATED, State.STARTED]),
                name="charge_open_by_expiry",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.state}"

    @property
    def taken(self) -> int:
        """The qəpik the provider took, or will take, for this charge."""
        return self.amount if self.received is None else self.received


class ChargeEvent(models.Model):
    """One thing that happened to a charge. Append-only (grants and a trigger)."""

    append_only = True

    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField()
    was = models.CharField(max_length=16)
    event = models.CharField(max_length=24, default="")  # empty in rows older than the graph
    became = models.CharField(max_length=16)
    source = models.CharField(max_length=16)  # person, callback, poll, system
    facts = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.was} -> {self.became}"


class Callback(models.Model):
    """An authentic callback of a provider; its event id makes it count once. Append-only."""

    append_only = True

    provider = models.CharField(max_length=32)
    event = models.CharField(max_length=128)
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="callbacks")
    received_at = models.DateTimeField()
    body_sha256 = models.BinaryField()
    verdict = models.CharField(max_length=16)  # settled, already, mismatch, late

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "event"], name="callback_counts_once")
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.verdict}"


class Refund(models.Model):
    """Money to be given back. `key` says why, once: the same key is the same refund.

    The live refunds of a charge never exceed what was paid: a trigger refuses, under the
    charge's lock. What an officer asks for has `words`, and above the limit a second officer.
    """

    class Progress(models.TextChoices):
        """Where it stands."""

        PROPOSED = "proposed"
        REQUESTED = "requested"
        DECLINED = "declined"
        DONE = "done"
        REFUSED = "refused"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="refunds")
    key = models.CharField(max_length=160, unique=True)
    reason = models.CharField(max_length=32)  # case, officer, paid-twice, excess ...
    amount = models.BigIntegerField()
    progress = models.CharField(max_length=16, choices=Progress.choices, default=Progress.REQUESTED)
    requested_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    words = models.CharField(max_length=500, blank=True, default="")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_amount_positive"),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=models.F("asked_by")),
                name="refund_four_eyes",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.progress}"
