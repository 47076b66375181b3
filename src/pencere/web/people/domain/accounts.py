"""Accounts: opened by the first sign-in, by who acts for somebody, or for who holds an office."""

from datetime import datetime

from django.db import transaction

from pencere.kernel.identifiers import Fin
from pencere.kernel.text import LANGUAGES
from pencere.web.people.models.person import Person
from pencere.web.people.vault import Identity, vault


def find(fin: Fin) -> Person | None:
    """Find the account of a personal number."""
    return Person.objects.filter(fin_digest=vault().digest_of(fin)).first()


@transaction.atomic
def open_account(
    identity: Identity, *, at: datetime, language: str = "az", phone: str | None = None
) -> Person:
    """Return the account of this identity, opened if need be, with its name brought up to date."""
    digest = vault().digest_for(identity)
    person, is_new = Person.objects.select_for_update().get_or_create(
        fin_digest=digest,
        defaults={"sealed": vault().seal(identity), "created_at": at, "language": language},
    )
    changed = []
    if not is_new and identity.name and person.identity != identity:
        person.sealed = vault().seal(identity)
        changed.append("sealed")
    if phone is not None and person.phone != phone:
        person.phone_sealed = vault().seal_text(phone, digest)
        changed.append("phone_sealed")
    if changed:
        person.save(update_fields=changed)
    return person


def speak(person: Person, language: str) -> None:
    """Remember the language in which the person wants letters."""
    if language in LANGUAGES and person.language != language:
        person.language = language
        person.save(update_fields=["language"])


def write_to(person: Person, email: str | None) -> None:
    """Remember where notices go; None: nowhere."""
    digest = bytes(person.fin_digest)
    person.email_sealed = vault().seal_text(email, digest) if email else None
    person.save(update_fields=["email_sealed"])
