"""A document of the register: a file that a description names, or the text of an accord."""

from django.conf import settings
from django.db import models


class Document(models.Model):
    """A file by its digest. It is in the database: small, and part of what the register proves."""

    append_only = True

    sha256 = models.BinaryField(max_length=32, unique=True, editable=False)
    media_type = models.CharField(max_length=100)
    content = models.BinaryField(editable=False)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    added_at = models.DateTimeField()

    def __str__(self) -> str:
        return bytes(self.sha256).hex()
