"""An operation of SİMA: asked by a page, answered by the application, read once by the page."""

from django.db import models


class SimaOperation(models.Model):
    """Lives minutes. What is asked of whom, and what came back, is sealed for the row."""

    operation = models.CharField(max_length=64, unique=True, editable=False)
    kind = models.CharField(max_length=4)
    sealed = models.BinaryField(editable=False)
    begun_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    outcome = models.CharField(max_length=60, blank=True)
    completed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"SİMA operation {self.pk}"
