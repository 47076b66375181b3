"""What happened in a case, in order."""

from django.conf import settings
from django.db import models

from pencere.web.cases.models.case import Case


class CaseEvent(models.Model):
    """One event. Append-only: the daily user may not change it, and a trigger refuses besides.

    `facts` are codes and figures for the timeline; words of people (`comment`, a reason in own
    words) are in `words_sealed`.
    """

    append_only = True

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="events")
    n = models.PositiveIntegerField()
    at = models.DateTimeField()
    kind = models.CharField(max_length=40)
    state = models.CharField(max_length=60)
    action = models.CharField(max_length=60, blank=True, default="")
    by_role = models.CharField(max_length=20)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    facts = models.JSONField(default=dict)
    words_sealed = models.BinaryField(null=True, editable=False)

    class Meta:
        ordering = ["case", "n"]
        constraints = [
            models.UniqueConstraint(fields=["case", "n"], name="case_event_in_its_place")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"
