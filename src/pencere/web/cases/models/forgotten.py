"""What is left of a case whose time of keeping is over."""

from django.db import models


class ForgottenCase(models.Model):
    """That there was a case, and how it ended: about nobody. Append-only.

    The digests are those of the log, so that its proofs still hold. `kept_for` is the duration
    (ISO 8601) by which the definition kept cases of this outcome.
    """

    append_only = True

    number = models.CharField(max_length=40, unique=True)
    service = models.CharField(max_length=100)
    definition_version = models.PositiveIntegerField()
    definition_sha256 = models.CharField(max_length=64)
    body = models.CharField(max_length=60)
    outcome = models.CharField(max_length=40)
    submitted_at = models.DateTimeField()
    closed_at = models.DateTimeField()
    kept_for = models.CharField(max_length=10)
    application_sha256 = models.BinaryField(max_length=32, editable=False)
    leaf_hash = models.BinaryField(max_length=32, editable=False)
    forgotten_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.number
