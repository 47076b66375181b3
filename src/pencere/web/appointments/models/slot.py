"""A time at which a place receives people, and who comes then."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Slot(models.Model):
    """So many people may come to `place` of `body` at one time; `service` is the calendar."""

    body = models.CharField(max_length=64)
    place = models.CharField(max_length=64)
    service = models.CharField(max_length=64)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    capacity = models.PositiveSmallIntegerField()
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["starts_at", "id"]
        indexes = [models.Index(fields=["place", "starts_at"], name="slot_of_a_place")]
        constraints = [
            models.UniqueConstraint(fields=["place", "service", "starts_at"], name="slot_once"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="slot_ends_after_it_starts"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.place} {self.starts_at:%Y-%m-%d %H:%M}"


class Booking(models.Model):
    """One person's place in a slot, for a subject of another app (a case, a draft)."""

    class State(models.TextChoices):
        """Where it stands. A held one counts until `held_until`."""

        HELD = "held"
        BOOKED = "booked"
        CANCELLED = "cancelled"
        DISPLACED = "displaced"  # the body closed the slot
        CAME = "came"
        MISSED = "missed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="bookings")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    subject_kind = models.CharField(max_length=32)
    subject_id = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=State.choices, default=State.HELD)
    made_at = models.DateTimeField()
    held_until = models.DateTimeField()
    changed_at = models.DateTimeField()
    sequence = models.PositiveIntegerField(default=0)  # of the iCalendar file

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id"],
                condition=Q(state__in=["held", "booked"]),
                name="booking_one_for_a_subject",
            )
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.state}"
