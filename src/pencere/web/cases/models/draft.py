"""An application that is being written."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from pencere.web.people.domain.visit import Acting
from pencere.web.people.models.person import Person


class State(models.TextChoices):
    """Where a draft stands."""

    OPEN = "open"
    SUBMITTED = "submitted"
    LEFT = "left"


class Draft(models.Model):
    """Kept on the server after every answer, so that any device can go on with it.

    Everything personal is sealed. `answers` holds all answers by the id of their question, also
    those the way no longer passes. `facts` is what registers last said, with times, and is
    thrown away soon (`domain.facts.FRESH`); the application that is signed holds its own copy.
    `signing` is the signature under way: what is signed, by which session, since when.

    `person` is whose application it will be; `agent` who writes and signs it for them, None when
    they do so themselves. `acting` is the agent's power, as a page found it.
    """

    acting: Acting | None = None

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.CharField(max_length=40, unique=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    service = models.CharField(max_length=100)
    definition_version = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.OPEN)
    answers_sealed = models.BinaryField(null=True, editable=False)
    facts_sealed = models.BinaryField(null=True, editable=False)
    facts_at = models.DateTimeField(null=True)
    signing_sealed = models.BinaryField(null=True, editable=False)
    created_at = models.DateTimeField()
    saved_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "service"],
                condition=Q(state="open", agent=None),
                name="draft_one_open_for_a_service",
            ),
            models.UniqueConstraint(
                fields=["person", "service", "agent"],
                condition=Q(state="open"),
                name="draft_one_open_for_an_agent",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"], condition=Q(state="open"), name="draft_open_by_expiry"
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.state}"

    @property
    def writer(self) -> Person:
        """Who writes and signs: the agent, or the person themself."""
        found: Person = self.person if self.agent is None else self.agent
        return found
