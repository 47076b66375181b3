"""An act in the register: who did what to what, when, and why. Nothing here is ever changed."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Act(models.Model):
    """One act; its leaf stands in the public log. `person` None: by law or by the clock.

    `about` is application, accord, agreement, system, node or duty, `subject` its key.
    """

    append_only = True

    about = models.CharField(max_length=20)
    subject = models.CharField(max_length=200)
    kind = models.CharField(max_length=40)
    round = models.PositiveIntegerField(default=0)
    role = models.CharField(max_length=40, blank=True)
    body = models.CharField(max_length=60, blank=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.TextField(blank=True)
    details = models.JSONField(default=dict)
    at = models.DateTimeField()
    leaf_hash = models.BinaryField(max_length=32, editable=False)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["about", "subject"], name="act_subject")]
        constraints = [
            # Each role approves once, and nobody for two roles: the database says so too.
            models.UniqueConstraint(
                fields=["about", "subject", "round", "role"],
                condition=Q(kind="approved"),
                name="one_approval_a_role",
            ),
            models.UniqueConstraint(
                fields=["about", "subject", "round", "person"],
                condition=Q(kind="approved"),
                name="one_approval_a_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.about} {self.subject} {self.kind}"
