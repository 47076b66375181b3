"""A visit in progress, on one device. The row is found by the digest of the cookie's token."""

from django.db import models

from pencere.web.people.models.person import Person


class Session(models.Model):
    """Ends by itself when idle or old; the person may end it from any device."""

    token_digest = models.BinaryField(max_length=32, unique=True, editable=False)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="sessions")
    role = models.CharField(max_length=10)
    assurance = models.CharField(max_length=12)
    device = models.CharField(max_length=60)
    begun_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    remembered = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["person", "ended_at"], name="session_of_person")]

    def __str__(self) -> str:
        return f"session {self.pk}"
