"""An account: of somebody who signed in here, or for whom somebody did, a company among them.

The personal number is not readable in the database: accounts are found by its keyed digest, and
number and name lie sealed beside it (docs/decisions/0010-personal-number-in-the-portal.md). No
data of a register is kept.
"""

from datetime import datetime
from typing import ClassVar

from django.db import models

from pencere.kernel.errors import Refused
from pencere.kernel.identifiers import Fin
from pencere.web.people.vault import Identity, vault


class Person(models.Model):
    """The user model of the project."""

    fin_digest = models.BinaryField(max_length=32, unique=True, editable=False)
    sealed = models.BinaryField(editable=False)
    language = models.CharField(max_length=2, default="az")
    phone_sealed = models.BinaryField(null=True, editable=False)
    email_sealed = models.BinaryField(null=True, editable=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    USERNAME_FIELD: ClassVar[str] = "fin_digest"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    is_anonymous: ClassVar[bool] = False
    is_authenticated: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"person {self.pk}"

    @property
    def identity(self) -> Identity:
        """Number and name as in the certificate of the last sign-in."""
        return vault().open(bytes(self.sealed), bytes(self.fin_digest))

    @property
    def digest(self) -> bytes:
        """The keyed digest of the number: 32 bytes that name the account in evidence."""
        return bytes(self.fin_digest)

    @property
    def fin(self) -> Fin:
        """The personal number, opened now.

        Raises:
            Refused: "person.is_company": a company has none.
        """
        identity = self.identity
        if identity.voen is not None:
            raise Refused("person.is_company")
        return identity.fin

    @property
    def is_company(self) -> bool:
        """The account is a company's: somebody acts for it, nobody signs in as it."""
        return self.identity.voen is not None

    @property
    def name(self) -> str:
        """Given name and surname; empty for who never signed in."""
        return self.identity.name

    @property
    def given_name(self) -> str:
        """How a greeting addresses the person."""
        return self.identity.given_name

    @property
    def last_login(self) -> datetime | None:
        """When the person last proved who they are, as the OpenID provider asks it."""
        latest = self.sessions.order_by("-begun_at").first()
        return None if latest is None else latest.begun_at

    @property
    def phone(self) -> str | None:
        """The number used for signing, in the form +994…; None before the first sign-in."""
        return self._channel(self.phone_sealed)

    @property
    def email(self) -> str | None:
        """The address for notices; None unless the person gave one."""
        return self._channel(self.email_sealed)

    def _channel(self, sealed: bytes | memoryview | None) -> str | None:
        if sealed is None:
            return None
        return vault().open_text(bytes(sealed), bytes(self.fin_digest))
