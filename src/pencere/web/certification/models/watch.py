"""Who is told, and how far the log was read."""

from django.conf import settings
from django.db import models


class Watch(models.Model):
    """A person who asked to be told; `subscription` is the centre's name for it."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="certificate_watch"
    )
    subscription = models.UUIDField(unique=True)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.subscription)


class LogPosition(models.Model):
    """The leaf of the centre's log from which to read on. One row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    next_index = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_log_position")]

    def __str__(self) -> str:
        return str(self.next_index)
