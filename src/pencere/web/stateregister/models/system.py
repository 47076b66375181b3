"""An information system: to the gateway, a subsystem of its owner."""

from django.db import models

from pencere.web.stateregister.models.body import Body


class Stage(models.TextChoices):
    """How far a system is. Only one in use stands in the directory."""

    ESTABLISHED = "established"
    IN_USE = "in-use"
    CLOSED = "closed"


class System(models.Model):
    """A registered system, and the act by which it exists.

    `is_acted_on`: people decided about it, so the country's data no longer changes it.
    """

    owner = models.ForeignKey(Body, on_delete=models.PROTECT, related_name="systems")
    code = models.CharField(max_length=60)
    names = models.JSONField()
    legal_basis = models.CharField(max_length=80)
    is_active = models.BooleanField(default=True)
    stage = models.CharField(max_length=20, choices=Stage.choices, default=Stage.IN_USE)
    is_acted_on = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "code"], name="one_system_a_code"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """`<body>/<code>`, as addresses and the country's data name it."""
        return f"{self.owner_id}/{self.code}"
