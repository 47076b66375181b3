"""A person's e-mail address: confirmed by a code that was sent there, changed, removed."""

import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from pencere.kernel.errors import Refused
from pencere.kernel.identifiers import parse_email
from pencere.web.notifications.domain import inbox
from pencere.web.notifications.domain.addresses import sealed
from pencere.web.notifications.domain.smtp import Mailer
from pencere.web.notifications.models import Contact
from pencere.web.people.domain import limits
from pencere.web.people.vault import vault
from pencere.web.texts import texts

CODE_FOR = timedelta(minutes=10)
TRIES = 5
# Somebody else's address must not be flooded from here.
PER_PERSON = limits.Limit("mail codes of", most=5, window=timedelta(hours=1))
PER_ADDRESS = limits.Limit("mail codes to", most=5, window=timedelta(days=1))


def contact_of(person: Any) -> Contact | None:
    """Return where the person is reached, None when they never said."""
    return Contact.objects.filter(person=person).first()


def ask(*, person: Any, typed: str, language: str, mailer: Mailer, at: datetime) -> None:
    """Send a code to an address. What counted before counts on until the code is typed.

    Raises:
        Invalid: "email.invalid".
        Refused: "limit.reached"; "mail.refused": its server does not take mail for it.
        Unavailable: "mail.silent".
    """
    address = parse_email(typed)
    limits.count(PER_PERSON, str(person.pk), at=at)
    limits.count(PER_ADDRESS, address, at=at)
    code = f"{secrets.randbelow(10**6):06d}"
    said = texts()
    mailer.send(
        to=address,
        subject=said.say("mail.code_subject", language),
        text=said.say("mail.code_text", language, code=code),
        key=secrets.token_hex(16),
        at=at,
    )
    with transaction.atomic():
        contact, _ = Contact.objects.select_for_update().get_or_create(person=person)
        contact.pending_sealed = sealed(address, contact)
        contact.code_digest, contact.code_until = _digest(contact, code), at + CODE_FOR
        contact.tries, contact.language = 0, language
        contact.save()


def confirm(*, person: Any, typed: str, at: datetime) -> None:
    """Take the address whose code was typed.

    Raises:
        Refused: "mail.code_wrong"; "mail.code_over": none is awaited, or too late, or too often.
    """
    with transaction.atomic():
        contact = Contact.objects.select_for_update().filter(person=person).first()
        if contact is None or contact.code_digest is None or contact.code_until is None:
            raise Refused("mail.code_over")
        is_right = hmac.compare_digest(bytes(contact.code_digest), _digest(contact, typed))
        is_over = at > contact.code_until or contact.tries >= TRIES
        if is_right and not is_over:
            contact.address_sealed, contact.pending_sealed = contact.pending_sealed, None
            contact.code_digest = contact.code_until = contact.failed_at = None
            contact.confirmed_at = at
        else:
            contact.tries += 1
        contact.save()
    if is_over:
        raise Refused("mail.code_over")
    if not is_right:
        raise Refused("mail.code_wrong")
    _tell(person, "confirmed", at=at)


def remove(person: Any, *, at: datetime) -> None:
    """Forget the address; what waits to be sent there is not sent."""
    if Contact.objects.filter(person=person).delete()[0]:
        _tell(person, "removed", at=at)


def wish(person: Any, *, cases: bool, events: bool, quiet: bool, once_a_day: bool) -> None:
    """Say what is sent there, and when."""
    Contact.objects.filter(person=person).update(
        sends_cases=cases, sends_events=events, is_quiet=quiet, once_a_day=once_a_day
    )


def _tell(person: Any, what: str, *, at: datetime) -> None:
    known = texts()
    inbox.tell(
        person=person, key=f"mail:{what}:{person.pk}:{at.isoformat()}", kind="security",
        title=known.text(f"mail.{what}_title"), text=known.text(f"mail.{what}_text"), at=at,
    )  # fmt: skip


def _digest(contact: Contact, code: str) -> bytes:
    return vault().digest("mail code", f"{contact.pk}:{code.strip()}")
