"""Where a person may be reached outside the inbox, and what they want there."""

from django.conf import settings
from django.db import models


class Reach(models.Model):
    """One address of a person, sealed. A new one is pending until its owner typed the code.

    `code_digest` is of the code that was sent last; `tries` counts wrong ones. `failed_at` says
    that the last message was refused for good. `language` is that of what is sent.
    """

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    address_sealed = models.BinaryField(null=True, editable=False)
    pending_sealed = models.BinaryField(null=True, editable=False)
    language = models.CharField(max_length=2, default="az")
    confirmed_at = models.DateTimeField(null=True)
    code_digest = models.BinaryField(max_length=32, null=True, editable=False)
    code_until = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    failed_at = models.DateTimeField(null=True)
    # What is sent there: all but what these switch off.
    sends_cases = models.BooleanField(default=True)
    sends_events = models.BooleanField(default=True)
    is_quiet = models.BooleanField(default=True)
    once_a_day = models.BooleanField(default=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self._meta.model_name} of {self.pk}"


class Contact(Reach):
    """An e-mail address."""


class Mobile(Reach):
    """A number for text messages; not the one that signs, which belongs to the operator's SIM."""
