"""Published versions and withdrawn services. Both tables are only ever added to."""

from django.conf import settings
from django.db import models

from pencere.web.authoring.models.proposal import Proposal


class PublishedVersion(models.Model):
    """A version in force from its day, with the files it is pinned by: `{name: text}`."""

    append_only = True

    service = models.CharField(max_length=64)
    version = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    files = models.JSONField()
    proposal = models.OneToOneField(Proposal, on_delete=models.PROTECT, related_name="+")
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    published_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["service", "version"], name="published_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.version}"


class Withdrawal(models.Model):
    """A service that takes no new applications; a version published later opens it again."""

    append_only = True

    service = models.CharField(max_length=64)
    version = models.PositiveIntegerField()
    reason = models.CharField(max_length=1000)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["service", "version"], name="withdrawn_once")
        ]

    def __str__(self) -> str:
        return f"{self.service} withdrawn at {self.version}"
