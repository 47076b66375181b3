"""A consequence of a decision that must happen once: the outbox of cases."""

from django.db import models

from pencere.web.cases.models.case import Case


class Status(models.TextChoices):
    """`waiting` is not `failed`: something outside does not answer yet and is asked again."""

    PENDING = "pending"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class Effect(models.Model):
    """Made in the transaction of the decision; done by a job of its own.

    `waits_for` holds keys of effects whose results this one uses.

    `key` is the engine's (`<case>:<entry>:<effect>`) and the idempotency key wherever the effect
    goes. `result` (sealed) is what it gave: the number of a licence, the id of a document.
    """

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="effects")
    key = models.CharField(max_length=200, unique=True)
    name = models.CharField(max_length=80)
    state = models.CharField(max_length=60)
    kind = models.CharField(max_length=16)
    waits_for = models.JSONField(default=list)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=120, blank=True, default="")
    result_sealed = models.BinaryField(null=True, editable=False)
    planned_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(
                fields=["status", "planned_at"],
                condition=~models.Q(status="done"),
                name="effect_not_done",
            )
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.status}"
