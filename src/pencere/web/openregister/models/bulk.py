"""A bulk file: the whole open register of a day, as anybody may take it away."""

from django.db import models


class Bulk(models.Model):
    """A file made by the job. `sha256` is of `content`; only the newest few are kept."""

    kind = models.CharField(max_length=20)
    format = models.CharField(max_length=20)
    media_type = models.CharField(max_length=80)
    content = models.BinaryField(editable=False)
    sha256 = models.BinaryField(max_length=32, editable=False)
    rows = models.PositiveIntegerField()
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["kind", "format", "-made_at"]
        indexes = [models.Index(fields=["kind", "format", "-made_at"], name="bulk_newest")]

    def __str__(self) -> str:
        return f"{self.kind}.{self.format} {self.made_at:%Y-%m-%d}"
