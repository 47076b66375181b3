"""A version of a code list. It stays as it was published; what is wrong in it, the next mends."""

from django.db import models

from pencere.web.classifiers.models.code_list import CodeList


class Version(models.Model):
    """All codes as they hold from a day on, until another version's day comes.

    Of two with one day the later number holds: it corrects the earlier. `content_sha256` is of
    the canonical JSON of its entries.
    """

    append_only = True

    code_list = models.ForeignKey(CodeList, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    valid_from = models.DateField()
    note = models.JSONField(default=dict)
    content_sha256 = models.BinaryField(max_length=32, editable=False)
    published_at = models.DateTimeField()

    class Meta:
        ordering = ["code_list_id", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["code_list", "number"], name="one_code_list_version_a_number"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code_list_id} {self.number}"
