"""Numbers of applications and accords, rising by kind and year."""

from django.db import models


class Series(models.Model):
    """The last number given; gaps are allowed."""

    kind = models.CharField(max_length=4)
    year = models.PositiveIntegerField()
    last = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "year"], name="one_register_series"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}-{self.year}"
