"""A token with which a node may join, once."""

from datetime import datetime

from django.conf import settings
from django.db import models

from pencere.web.stateregister.models.body import Body


class JoinToken(models.Model):
    """What an officer allowed: which node of which body, for which systems, until when.

    The token itself is known to whoever was given it; here is its SHA-256. `serves` are systems
    as `body/code`; `hosts` may be the node's address (empty: any). `key_sha256` is the public key
    that used it: the same node may ask again after a broken connection, another one not.
    """

    id = models.CharField(primary_key=True, max_length=22)
    secret_sha256 = models.BinaryField(max_length=32, editable=False)
    body = models.ForeignKey(Body, on_delete=models.PROTECT, related_name="+")
    node = models.CharField(max_length=200)
    name = models.CharField(max_length=200, blank=True, default="")
    serves = models.JSONField()
    hosts = models.JSONField(default=list)
    # A node of this identifier that is there already gives way: its old keys are revoked.
    replaces = models.BooleanField(default=False)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    key_sha256 = models.BinaryField(max_length=32, null=True, editable=False)

    def __str__(self) -> str:
        return self.id

    def state(self, at: datetime) -> str:
        """Return `open`, `used`, `ended` or `expired`."""
        if self.used_at is not None:
            return "used"
        if self.ended_at is not None:
            return "ended"
        return "open" if at < self.expires_at else "expired"
