"""An application to the register: to establish, take into use, change, or close a system."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from pencere.web.stateregister.models.body import Body
from pencere.web.stateregister.models.system import System


class Kind(models.TextChoices):
    """What is applied for."""

    ESTABLISH = "establish"
    TAKE_INTO_USE = "take-into-use"
    CHANGE = "change"
    CLOSE = "close"


class State(models.TextChoices):
    """Where it stands. A returned one is written on and sent again."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


OPEN = (State.DRAFT, State.SUBMITTED, State.RETURNED)


class Application(models.Model):
    """What it asks is `content`; what was done with it are acts (`models.act`).

    `version` rises with every change: who acts on an older one is told so. `round` counts how
    often it was sent; approvals count for their round. `due` is the last lawful day of the
    decision, `term` where that comes from.
    """

    number = models.CharField(primary_key=True, max_length=40)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    owner = models.ForeignKey(Body, on_delete=models.PROTECT, related_name="applications")
    code = models.CharField(max_length=60)
    system = models.ForeignKey(
        System, null=True, on_delete=models.PROTECT, related_name="applications"
    )
    # Version of the description that a change began from.
    base = models.PositiveIntegerField(default=0)
    content = models.JSONField(default=dict)
    why = models.TextField(blank=True)
    state = models.CharField(max_length=20, choices=State.choices, default=State.DRAFT)
    version = models.PositiveIntegerField(default=1)
    round = models.PositiveIntegerField(default=0)
    proposer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)
    due = models.DateField(null=True)
    term = models.JSONField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # A system is established, changed or closed by one application at a time.
            models.UniqueConstraint(
                fields=["owner", "code"],
                condition=Q(state__in=["draft", "submitted", "returned"]),
                name="one_open_application_a_system",
            ),
        ]

    def __str__(self) -> str:
        return self.number
