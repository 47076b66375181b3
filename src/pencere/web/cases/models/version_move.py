"""Cases that move to a newer version of their service: who prepared it, who approved it."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class VersionMove(models.Model):
    """One migration of the running cases of a service, of two people.

    `states` says where states go that are called otherwise in the newer version. `stayed` lists
    `[number, code]` of cases that could not be moved, when it is finished.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    service = models.CharField(max_length=100)
    older = models.PositiveIntegerField()
    newer = models.PositiveIntegerField()
    newer_sha256 = models.CharField(max_length=64)
    states = models.JSONField(default=dict)
    reason = models.CharField(max_length=1000)

    prepared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    prepared_at = models.DateTimeField()
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    approved_at = models.DateTimeField(null=True)
    dropped_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    moved = models.PositiveIntegerField(default=0)
    stayed = models.JSONField(default=list)

    class Meta:
        ordering = ["-prepared_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(approved_by=None) | ~Q(approved_by=F("prepared_by")),
                name="move_by_two_people",
            ),
            models.CheckConstraint(condition=Q(newer__gt=F("older")), name="move_to_newer"),
            models.UniqueConstraint(
                fields=["service", "older"],
                condition=Q(finished_at=None, dropped_at=None),
                name="move_one_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.older} -> {self.newer}"
