"""An information system: to the gateway, a subsystem of its owner."""

from django.db import models

from pencere.web.stateregister.models.body import Body


class System(models.Model):
    """A registered system, and the act by which it exists."""

    owner = models.ForeignKey(Body, on_delete=models.PROTECT, related_name="systems")
    code = models.CharField(max_length=60)
    names = models.JSONField()
    legal_basis = models.CharField(max_length=80)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "code"], name="one_system_a_code"),
        ]

    def __str__(self) -> str:
        return f"{self.owner_id}/{self.code}"
