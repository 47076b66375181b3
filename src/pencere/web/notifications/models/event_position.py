"""How far the events of a type were told to people."""

from django.db import models


class EventPosition(models.Model):
    """Moves on in the transaction of what was told."""

    type = models.CharField(max_length=300, primary_key=True)
    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.type} {self.number}"
