"""A case: an application that was sent, and what the body does with it."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class Case(models.Model):
    """Where an application stands, and what was signed.

    `machine` is the engine's own value (`pencere.services.case.Case`), sealed because it holds
    words of decisions; the columns beside it are copies for queries, written together with it.
    `version` is the engine's, and every change names the version it was decided on.

    `person` is the applicant; `agent` who sent the application for them, by a power that stands
    in it. `application` is the canonical JSON that was signed, with the facts they were shown;
    `signature` the CAdES over it. Both are sealed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.CharField(max_length=40, unique=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    service = models.CharField(max_length=100)
    definition_version = models.PositiveIntegerField()
    definition_sha256 = models.CharField(max_length=64)
    body = models.CharField(max_length=60)
    language = models.CharField(max_length=2)
    charge = models.UUIDField(null=True)

    machine_sealed = models.BinaryField(editable=False)
    version = models.PositiveIntegerField()
    state = models.CharField(max_length=60)
    queue = models.CharField(max_length=80, blank=True, default="")
    outcome = models.CharField(max_length=40, blank=True, default="")
    due = models.DateField(null=True)
    is_paused = models.BooleanField(default=False)
    waits_for_applicant = models.BooleanField(default=False)
    wakes_at = models.DateTimeField(null=True)

    officer = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    taken_at = models.DateTimeField(null=True)

    application_sealed = models.BinaryField(editable=False)
    application_sha256 = models.BinaryField(max_length=32, editable=False)
    signature_sealed = models.BinaryField(null=True, editable=False)
    leaf_hash = models.BinaryField(max_length=32, editable=False)

    submitted_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    forget_on = models.DateField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["person", "-submitted_at"], name="case_person"),
            models.Index(
                fields=["body", "queue", "due"],
                condition=Q(closed_at=None),
                name="case_open_by_due",
            ),
            models.Index(fields=["officer", "due"], condition=Q(closed_at=None), name="case_desk"),
            models.Index(
                fields=["forget_on"],
                condition=Q(forget_on__isnull=False),
                name="case_to_forget",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.state}"

    @property
    def parties(self) -> tuple[int, ...]:
        """The accounts of the applicant and of who sent the application for them."""
        return tuple(one for one in (self.person_id, self.agent_id) if one is not None)

    def is_of(self, person_id: int | None) -> bool:
        """Say whether somebody is the applicant or sent the application for them."""
        return person_id in self.parties
