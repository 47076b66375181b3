"""Cases that an officer decided alike with one confirmation."""

from django.conf import settings
from django.db import models


class Batch(models.Model):
    """What was confirmed. The id is made with the page: confirmed twice, it is one batch.

    `chosen` lists (number, version) of each case as the officer saw it. Append-only.
    """

    append_only = True

    id = models.UUIDField(primary_key=True, editable=False)
    officer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField()
    service = models.CharField(max_length=100)
    state = models.CharField(max_length=64)
    action = models.CharField(max_length=64)
    reasons = models.JSONField()
    comment_sealed = models.BinaryField(editable=False)
    chosen = models.JSONField()

    def __str__(self) -> str:
        return f"batch {self.id}"


class BatchLine(models.Model):
    """What became of one case of a batch; `refusal` is empty for what was done. Append-only."""

    append_only = True

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="lines")
    number = models.CharField(max_length=40)
    at = models.DateTimeField()
    refusal = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["batch", "number"], name="batch_line_once")]

    def __str__(self) -> str:
        return f"{self.number} {self.refusal or 'done'}"
