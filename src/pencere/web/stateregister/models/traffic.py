"""What was really asked: counts of a day, as the providers' nodes report them."""

from django.db import models


class Traffic(models.Model):
    """How often a consumer asked a service on a day in Baku, and with which outcome.

    Identifiers are as in the directory, so that what nobody agreed to is seen too. `outcome` is
    `answered`, `fault`, `interrupted`, or `open` while it is in work.
    """

    day = models.DateField()
    node = models.CharField(max_length=200)
    consumer = models.CharField(max_length=300)
    service = models.CharField(max_length=300)
    outcome = models.CharField(max_length=20)
    count = models.BigIntegerField()
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "node", "consumer", "service", "outcome"], name="traffic_of_a_day"
            ),
        ]
        indexes = [models.Index(fields=["consumer", "service", "day"], name="traffic_pair")]

    def __str__(self) -> str:
        return f"{self.day} {self.consumer} {self.service} {self.outcome}"
