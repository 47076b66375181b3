"""One version of the description of a system. It stays; the next one says what is new."""

from django.conf import settings
from django.db import models

from pencere.web.stateregister.models.system import System


class Description(models.Model):
    """What the register says of a system from an instant on; docs/specs/state-register.md.

    `content` is as `domain.description.EMPTY` shapes it. `made_by` None: founded by law.
    """

    append_only = True

    system = models.ForeignKey(System, on_delete=models.PROTECT, related_name="descriptions")
    number = models.PositiveIntegerField()
    content = models.JSONField()
    content_sha256 = models.BinaryField(max_length=32, editable=False)
    why = models.TextField()
    application = models.CharField(max_length=40, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField()
    leaf_hash = models.BinaryField(max_length=32, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["system", "number"], name="one_description_a_number"),
        ]

    def __str__(self) -> str:
        return f"{self.system} {self.number}"
