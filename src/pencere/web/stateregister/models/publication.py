"""A published directory. Every one that was ever signed stays."""

from django.db import models


class Publication(models.Model):
    """One version of the directory, as signed; `content_sha256` is of what it says of the state."""

    append_only = True

    version = models.PositiveBigIntegerField(primary_key=True)
    content_sha256 = models.BinaryField(max_length=32, editable=False)
    jws = models.TextField(editable=False)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"directory {self.version}"
