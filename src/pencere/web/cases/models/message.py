"""What the applicant and the body write to each other about a case."""

from django.conf import settings
from django.db import models

from pencere.web.cases.models.case import Case


class CaseMessage(models.Model):
    """One message, sealed. Append-only: what was said is neither changed nor taken back.

    `form` is made with the page it was written on: sent twice, it is one message.
    """

    append_only = True

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="messages")
    at = models.DateTimeField()
    from_body = models.BooleanField()
    body = models.CharField(max_length=60)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    form = models.UUIDField()
    text_sealed = models.BinaryField(editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["case", "author", "form"], name="case_message_sent_once"
            )
        ]

    def __str__(self) -> str:
        return f"case message {self.pk}"


class CaseMessageRead(models.Model):
    """The other side opened a message: the first of them, and when."""

    append_only = True

    message = models.OneToOneField(CaseMessage, on_delete=models.PROTECT, related_name="opened")
    at = models.DateTimeField()
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"case message {self.message_id} read"
