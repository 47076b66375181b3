"""Under which name another system knows a person: a random one for each system."""

from django.db import models

from pencere.web.people.models.person import Person


class Subject(models.Model):
    """Pairwise subject of OpenID: two systems cannot compare theirs."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="subjects")
    client = models.CharField(max_length=100)
    subject = models.CharField(max_length=43, unique=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "client"], name="one_subject_a_client")
        ]

    def __str__(self) -> str:
        return f"subject of person {self.person_id}"
