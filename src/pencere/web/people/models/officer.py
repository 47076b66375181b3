"""Which office a person holds: in which body, as what, in which unit."""

from django.db import models

from pencere.web.people.models.person import Person


class OfficerRole(models.Model):
    """One role of one person at one body."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="offices")
    body = models.CharField(max_length=60)
    role = models.CharField(max_length=40)
    unit = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "body", "role"], name="one_role_once")
        ]

    def __str__(self) -> str:
        return f"{self.role} at {self.body}"
