"""The last number given to an application, by body and year."""

from django.db import models


class NumberSeries(models.Model):
    """`DYP-2026-004182`. A number taken by an application that is never sent stays unused."""

    body = models.CharField(max_length=60)
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["body", "year"], name="one_series_a_body_and_year")
        ]

    def __str__(self) -> str:
        return f"{self.body} {self.year}: {self.last}"
