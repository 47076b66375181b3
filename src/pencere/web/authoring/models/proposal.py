"""A draft as its author proposes it: what a second officer publishes or gives back."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from pencere.web.authoring.models.draft import ServiceDraft


class Proposal(models.Model):
    """One proposal. `revision` of the draft is what was read and what will be published."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    draft = models.ForeignKey(ServiceDraft, on_delete=models.PROTECT, related_name="proposals")
    revision = models.PositiveIntegerField()
    version = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    reason = models.CharField(max_length=1000)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    proposed_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    is_published = models.BooleanField(default=False)

    class Meta:
        ordering = ["-proposed_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(is_published=False)
                | (Q(decided_by__isnull=False) & ~Q(decided_by=F("proposed_by"))),
                name="published_by_two_people",
            ),
            models.UniqueConstraint(
                fields=["draft"], condition=Q(decided_at=None), name="one_open_proposal"
            ),
        ]

    def __str__(self) -> str:
        return f"proposal of {self.draft_id} at {self.revision}"
