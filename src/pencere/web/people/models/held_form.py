"""What was typed into a form whose session had ended, kept until its owner signs in again."""

from django.db import models

from pencere.web.people.models.person import Person


class HeldForm(models.Model):
    """Fields are sealed; only the person of the ended session gets them back."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="held_forms")
    token_digest = models.BinaryField(max_length=32, unique=True, editable=False)
    sealed = models.BinaryField(editable=False)
    held_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"held form {self.pk}"
