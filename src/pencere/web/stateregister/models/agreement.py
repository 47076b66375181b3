"""An agreement: which system may ask which service for what, why, and until when."""

from django.db import models
from django.db.models import F, Q

from pencere.web.stateregister.models.system import System


class Force(models.TextChoices):
    """Whether an agreement gives its right now."""

    IN_FORCE = "in-force"
    SUSPENDED = "suspended"
    ENDED = "ended"


class Agreement(models.Model):
    """A right. `service_code` may be one that the node itself answers, such as findUsage.

    Dates are days in Baku, both included. `rate` is `{"per_second", "burst"}`, `quota`
    `{"per": "day"|"month", "count"}`; an empty list of `fields` or `represents` does not
    restrict. `accord` is the signed text; None: founded by law. `is_acted_on`: people decided
    about it, so the country's data no longer changes it.
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
    force = models.CharField(max_length=20, choices=Force.choices, default=Force.IN_FORCE)
    fields = models.JSONField(default=list)
    represents = models.JSONField(default=list)
    rate = models.JSONField(null=True)
    quota = models.JSONField(null=True)
    consent = models.BooleanField(default=False)
    # `{"bases": [act ids], "days": n}`: where the law lets an access stay hidden for a time.
    suppress = models.JSONField(null=True)
    accord = models.ForeignKey(
        "stateregister.Accord", null=True, on_delete=models.PROTECT, related_name="rights"
    )
    is_acted_on = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(last_day__gte=F("first_day")), name="agreement_ends_after_it_begins"
            ),
        ]

    def __str__(self) -> str:
        return self.id
