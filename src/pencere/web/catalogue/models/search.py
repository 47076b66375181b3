"""What is searched for, counted by day; never who searched."""

from django.db import models


class SearchFound(models.Model):
    """How often a service was the first answer of a search on a day."""

    service = models.CharField(max_length=80)
    day = models.DateField()
    count = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "day"], name="found_once_a_day")]

    def __str__(self) -> str:
        return f"{self.service} on {self.day}"


class SearchMissed(models.Model):
    """Words for which nothing was found: what editors read to write better keywords."""

    words = models.CharField(max_length=60)
    language = models.CharField(max_length=2)
    day = models.DateField()
    count = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["words", "language", "day"], name="missed_once_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.words} on {self.day}"
