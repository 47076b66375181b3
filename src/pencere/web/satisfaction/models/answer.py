"""An answer, and that a case was asked. Nothing joins the two."""

import uuid

from django.db import models


class Answer(models.Model):
    """What somebody said about a service. Append-only; only the month is kept, of no person."""

    append_only = True

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    service = models.CharField(max_length=100)
    body = models.CharField(max_length=60)
    month = models.DateField()  # its first day
    score = models.PositiveSmallIntegerField()  # 1 very dissatisfied to 5 very satisfied
    comment = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(score__gte=1, score__lte=5), name="satisfaction_one_to_five"
            )
        ]
        indexes = [models.Index(fields=["service", "-month"], name="satisfaction_of_service")]

    def __str__(self) -> str:
        return f"{self.service} {self.score}"


class Asked(models.Model):
    """A case that was answered for, by a keyed digest of its number: each answers once."""

    append_only = True

    id = models.BinaryField(max_length=32, primary_key=True, editable=False)

    def __str__(self) -> str:
        return bytes(self.id).hex()[:8]
