"""A service that a system offers to others through the gateway."""

from django.db import models

from pencere.web.stateregister.models.system import System


class Service(models.Model):
    """A service with its endpoints, `[[method, path pattern], ...]`.

    `demands` are the headers without which it answers nobody; `disabled_notice` switches it off
    and is told to those who have a right to it.
    """

    system = models.ForeignKey(System, on_delete=models.PROTECT, related_name="services")
    code = models.CharField(max_length=60)
    names = models.JSONField()
    kind = models.CharField(max_length=10, default="REST")
    endpoints = models.JSONField(default=list)
    demands = models.JSONField(default=list)
    timeout_s = models.PositiveIntegerField(default=10)
    disabled_notice = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    # Code of the purpose whose consent of the person is needed; empty: none.
    consent = models.CharField(max_length=60, blank=True, default="")
    # Where the service itself gives its OpenAPI description: a path behind its address.
    description = models.CharField(max_length=200, blank=True, default="")
    # SHA-256 in hex of its OpenAPI description among the register's documents; empty: none.
    openapi_sha256 = models.CharField(max_length=64, blank=True, default="")

    # Of the service of events: JSON Schemas of what is published, by the type's name.
    schemas = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["system", "code"], name="one_service_a_code"),
        ]

    def __str__(self) -> str:
        return f"{self.system}/{self.code}"
