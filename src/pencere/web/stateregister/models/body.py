"""A state body (orqan) that owns or uses systems."""

from django.db import models


class Body(models.Model):
    """A body by the id that the country's data gives it."""

    id = models.CharField(primary_key=True, max_length=60)
    member_class = models.CharField(max_length=20)
    names = models.JSONField()
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.id
