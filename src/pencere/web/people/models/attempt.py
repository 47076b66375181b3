"""How often something was tried, by keyed digest of who or where; never in clear."""

from django.db import models


class Attempt(models.Model):
    """A counter of one window of time."""

    key_digest = models.BinaryField(max_length=32, editable=False)
    window = models.BigIntegerField()
    count = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key_digest", "window"], name="one_counter_a_window")
        ]

    def __str__(self) -> str:
        return f"attempts in window {self.window}"
