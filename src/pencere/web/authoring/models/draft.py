"""A definition being written, and every save of its files."""

import uuid

from django.conf import settings
from django.db import models


class ServiceDraft(models.Model):
    """A draft of one service by one body. `revision` is the number of the last save of any file."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    service = models.CharField(max_length=64)
    body = models.CharField(max_length=60)
    begun_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    begun_at = models.DateTimeField()
    revision = models.PositiveIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-begun_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["service"],
                condition=models.Q(ended_at=None),
                name="one_open_draft_of_a_service",
            )
        ]

    def __str__(self) -> str:
        return f"draft of {self.service}"


class DraftSave(models.Model):
    """The whole text of one file as somebody saved it. Append-only: the history of the draft."""

    append_only = True

    draft = models.ForeignKey(ServiceDraft, on_delete=models.PROTECT, related_name="saves")
    revision = models.PositiveIntegerField()
    name = models.CharField(max_length=70)
    text = models.TextField(blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-revision"]
        constraints = [
            models.UniqueConstraint(fields=["draft", "revision"], name="draft_revision_once")
        ]

    def __str__(self) -> str:
        return f"{self.name} at {self.revision}"
