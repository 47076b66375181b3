"""An agreement: which system may ask which service for what, why, and until when."""

from django.db import models
from django.db.models import F, Q

from pencere.web.stateregister.models.system import System


class Agreement(models.Model):
    """A right. `service_code` may be one that the node itself answers, such as findUsage.

    Dates are days in Baku, both included.
    """

    id = models.CharField(primary_key=True, max_length=80)
    consumer = models.ForeignKey(System, on_delete=models.PROTECT, related_name="rights")
    provider = models.ForeignKey(System, on_delete=models.PROTECT, related_name="duties")
    service_code = models.CharField(max_length=60)
    endpoints = models.JSONField()
    purposes = models.JSONField()
    legal_bases = models.JSONField()
    demands = models.JSONField(default=list)
    first_day = models.DateField()
    last_day = models.DateField()
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(last_day__gte=F("first_day")), name="agreement_ends_after_it_begins"
            ),
        ]

    def __str__(self) -> str:
        return self.id
