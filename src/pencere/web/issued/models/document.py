"""A document that was issued: its code, its digest, and whether it still counts."""

from django.conf import settings
from django.db import models


class Status(models.TextChoices):
    """Whether the document still counts."""

    VALID = "valid"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"


class IssuedDocument(models.Model):
    """`code` is printed on the document with a QR; it is the capability to verify it.

    The sealed PDF lies under `data/files` by the digest of what it holds. `key` makes issuing
    the same document twice give one.
    """

    # What was issued stays; only whether it still counts changes.
    may_change = ("status", "status_at", "status_reason", "superseded_by")

    code = models.CharField(max_length=20, unique=True)
    key = models.CharField(max_length=200, unique=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=60)
    name = models.JSONField()
    service = models.CharField(max_length=100)
    case = models.CharField(max_length=40)
    body = models.CharField(max_length=60)
    language = models.CharField(max_length=2)
    sha256 = models.BinaryField(max_length=32, editable=False, unique=True)
    size_bytes = models.PositiveIntegerField()
    issued_at = models.DateTimeField()
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.VALID)
    status_at = models.DateTimeField()
    status_reason = models.CharField(max_length=60, blank=True, default="")
    superseded_by = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="supersedes"
    )
    leaf_hash = models.BinaryField(max_length=32, editable=False)

    class Meta:
        indexes = [models.Index(fields=["person", "-issued_at"], name="document_person")]

    def __str__(self) -> str:
        return f"{self.code} {self.status}"
