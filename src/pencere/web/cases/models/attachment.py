"""A file an applicant gave: sealed on disk, found by the digest of what it holds."""

import uuid

from django.db import models

from pencere.web.cases.models.case import Case
from pencere.web.cases.models.draft import Draft


class Attachment(models.Model):
    """Sizes are of the file as kept, which was decoded and written anew."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    draft = models.ForeignKey(Draft, on_delete=models.PROTECT, related_name="attachments")
    case = models.ForeignKey(Case, null=True, on_delete=models.PROTECT, related_name="attachments")
    question = models.CharField(max_length=60)
    name = models.CharField(max_length=120)
    media_type = models.CharField(max_length=60)
    size_bytes = models.PositiveIntegerField()
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    sha256 = models.BinaryField(max_length=32, editable=False)
    added_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"attachment {self.id}"


class Supplement(models.Model):
    """Answers an applicant gave again because the body asked; sealed, laid over the application."""

    append_only = True

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="supplements")
    at = models.DateTimeField()
    answers_sealed = models.BinaryField(editable=False)
    sha256 = models.BinaryField(max_length=32, editable=False)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"supplement {self.pk}"
