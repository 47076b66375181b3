"""A node's certificate that is believed no more, whatever its dates say."""

from django.db import models


class RevokedCertificate(models.Model):
    """One certificate by its SHA-256; the directory lists it as revoked until it would end."""

    sha256 = models.CharField(primary_key=True, max_length=64)
    node = models.CharField(max_length=200)
    why = models.TextField()
    revoked_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.sha256
