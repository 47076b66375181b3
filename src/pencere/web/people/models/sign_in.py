"""A sign-in that waits for the telephone, bound to one browser by the digest of its cookie."""

from django.db import models


class SignIn(models.Model):
    """Lives minutes. What names the person is sealed."""

    token_digest = models.BinaryField(max_length=32, unique=True, editable=False)
    sealed = models.BinaryField(editable=False)
    next_address = models.TextField()
    begun_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=60, blank=True)

    def __str__(self) -> str:
        return f"sign-in {self.pk}"
