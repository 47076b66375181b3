"""An accord (saziş): the text of an agreement on exchange, negotiated and signed by both bodies."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from pencere.web.stateregister.models.system import System


class AccordState(models.TextChoices):
    """Where it stands: drafted by the consumer's body, then with the provider's, then checked."""

    DRAFT = "draft"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    SIGNING = "signing"
    IN_FORCE = "in-force"
    REPLACED = "replaced"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Accord(models.Model):
    """One text. `agreement_id` is the right it makes; an amendment is a new text of the same.

    `terms` are as `domain.accord_terms` shapes them. From `signing` on, `document_sha256` is the
    PDF that both sign, and the terms stay as they are. `version` rises with every change.
    """

    number = models.CharField(primary_key=True, max_length=40)
    agreement_id = models.CharField(max_length=80)
    is_amendment = models.BooleanField(default=False)
    consumer = models.ForeignKey(System, on_delete=models.PROTECT, related_name="+")
    provider = models.ForeignKey(System, on_delete=models.PROTECT, related_name="+")
    terms = models.JSONField(default=dict)
    state = models.CharField(max_length=20, choices=AccordState.choices, default=AccordState.DRAFT)
    version = models.PositiveIntegerField(default=1)
    round = models.PositiveIntegerField(default=0)
    drafter = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField()
    document_sha256 = models.BinaryField(max_length=32, null=True, editable=False)
    # Printed on the document, to look it up at /v/<code>.
    code = models.CharField(max_length=20, blank=True, default="", db_index=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agreement_id"],
                condition=Q(state__in=["draft", "offered", "accepted", "signing"]),
                name="one_open_accord_an_agreement",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class Signature(models.Model):
    """A side's signature over the accord's document: CAdES with a time-stamp, kept as it came."""

    append_only = True

    class Side(models.TextChoices):
        """Whose signature it is."""

        CONSUMER = "consumer"
        PROVIDER = "provider"

    accord = models.ForeignKey(Accord, on_delete=models.PROTECT, related_name="signatures")
    side = models.CharField(max_length=10, choices=Side.choices)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    document_sha256 = models.BinaryField(max_length=32, editable=False)
    cades = models.BinaryField(editable=False)
    signed_at = models.DateTimeField()
    leaf_hash = models.BinaryField(max_length=32, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["accord", "side"], name="one_signature_a_side"),
            models.UniqueConstraint(fields=["accord", "person"], name="one_signature_a_person"),
        ]

    def __str__(self) -> str:
        return f"{self.accord_id} {self.side}"
