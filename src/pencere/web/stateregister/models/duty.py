"""A duty with a date: a periodic check of a system that its owner owes."""

from django.db import models
from django.db.models import Q

from pencere.web.stateregister.models.system import System


class Duty(models.Model):
    """One check. Done, the next one is made; `reminded` are the days before that were told."""

    system = models.ForeignKey(System, on_delete=models.PROTECT, related_name="duties_of_check")
    kind = models.CharField(max_length=40)
    due = models.DateField()
    done_on = models.DateField(null=True)
    reminded = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["system", "kind"], condition=Q(done_on=None), name="one_open_duty_a_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.system} {self.kind} {self.due}"
