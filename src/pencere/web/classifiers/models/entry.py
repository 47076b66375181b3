"""A code with its meaning, in one version of a list."""

from django.db import models
from django.db.models import F, Q

from pencere.web.classifiers.models.version import Version


class Entry(models.Model):
    """A code. `parent` is another code of the version; the days bound it inside the version."""

    append_only = True

    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="entries")
    code = models.CharField(max_length=60)
    names = models.JSONField()
    parent = models.CharField(max_length=60, blank=True)
    valid_from = models.DateField(null=True)
    valid_until = models.DateField(null=True)
    place = models.PositiveIntegerField()

    class Meta:
        ordering = ["version_id", "place"]
        constraints = [
            models.UniqueConstraint(fields=["version", "code"], name="one_entry_a_code"),
            models.CheckConstraint(
                condition=Q(valid_until__gte=F("valid_from")), name="entry_ends_after_it_begins"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.code}"
