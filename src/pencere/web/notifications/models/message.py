"""A message and its deliveries."""

import uuid

from django.conf import settings
from django.db import models


class Message(models.Model):
    """What a person is told. `text` is `{az, en, ru}`; personal words stay out of it.

    `key` makes a message one: the effect that sends it twice sends it once.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="messages"
    )
    key = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=40)
    title = models.JSONField()
    text = models.JSONField()
    subject = models.CharField(max_length=40, blank=True, default="")  # number of the case
    offers = models.JSONField(default=list)  # ids of services offered with it
    sent_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-sent_at"]
        indexes = [
            models.Index(fields=["person", "-sent_at"], name="message_person"),
            models.Index(
                fields=["person"], condition=models.Q(read_at=None), name="message_unread"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Delivery(models.Model):
    """One way a message takes, and how far it came."""

    class Status(models.TextChoices):
        """Where it stands."""

        CREATED = "created"
        SENT = "sent"  # the next server took it; whether it arrived a report may say
        DELIVERED = "delivered"
        FAILED = "failed"

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=16)  # inbox, email, sms
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.CREATED)
    at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    problem = models.CharField(max_length=60, blank=True, default="")
    # Under which name it was handed over, by which its report is known; several share a message.
    reference = models.CharField(max_length=60, blank=True, default="")
    parts = models.PositiveSmallIntegerField(default=0)  # of a text message: what is paid for

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "channel"], name="delivery_once_a_channel")
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=models.Q(status="created"), name="delivery_waiting"
            ),
            models.Index(
                fields=["reference"], condition=~models.Q(reference=""), name="delivery_reference"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.status}"
