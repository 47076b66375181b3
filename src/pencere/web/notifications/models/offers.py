"""Who wants no offers."""

from django.conf import settings
from django.db import models


class OffersDeclined(models.Model):
    """There is a row for each person who declined offers of services."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"no offers since {self.at}"
