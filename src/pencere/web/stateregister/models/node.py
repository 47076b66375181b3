"""A node of the gateway."""

from django.db import models

from pencere.web.stateregister.models.system import System


class Node(models.Model):
    """A node: where it is, which systems it serves, and its certificates.

    `certificates` are `[{"use": "tls"|"sign", "der": base64}, ...]`; during a change of keys the
    old and the new stand side by side.
    """

    identifier = models.CharField(max_length=200, unique=True)
    address = models.CharField(max_length=200)
    certificates = models.JSONField(default=list)
    serves = models.ManyToManyField(System, related_name="nodes")
    is_active = models.BooleanField(default=True)
    # Nodes of one name serve together.
    name = models.CharField(max_length=200, blank=True, default="")
    # Of its ledger, as the node told: {"origin", "key" (SPKI, DER, base64)}; empty: not told yet.
    ledger = models.JSONField(default=dict)
    is_suspended = models.BooleanField(default=False)
    is_acted_on = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.identifier
