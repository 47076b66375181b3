"""Addresses and numbers: confirmed by a code that was sent there, changed, removed."""

import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from pencere.kernel.errors import Refused
from pencere.web.notifications.domain import inbox
from pencere.web.notifications.domain.addresses import sealed
from pencere.web.notifications.domain.channels import Carrier, Channel
from pencere.web.notifications.models import Reach
from pencere.web.people.domain import limits
from pencere.web.people.vault import vault
from pencere.web.texts import texts

CODE_FOR = timedelta(minutes=10)
TRIES = 5
# Somebody else's address must not be flooded from here.
MOST_A_PERSON, MOST_AN_ADDRESS = 5, 5  # an hour; a day


def contact_of(channel: Channel, person: Any) -> Reach | None:
    """Return where the person is reached, None when they never said."""
    found: Reach | None = channel.reaches.filter(person=person).first()
    return found


def ask(  # noqa: PLR0913, who, where, in which words, by what
    channel: Channel, *, person: Any, typed: str, language: str, carrier: Carrier, at: datetime
) -> None:
    """Send a code to an address. What counted before counts on until the code is typed.

    Raises:
        Invalid: "email.invalid", "phone.invalid", "phone.not_mobile".
        Refused: "limit.reached"; "mail.refused", "sms.refused": nothing is taken for it.
        Unavailable: "mail.silent", "sms.silent".
    """
    address = channel.parse(typed)
    each = limits.Limit(f"{channel.words} codes of", MOST_A_PERSON, timedelta(hours=1))
    limits.count(each, str(person.pk), at=at)
    all_to_it = limits.Limit(f"{channel.words} codes to", MOST_AN_ADDRESS, timedelta(days=1))
    limits.count(all_to_it, address, at=at)
    code = f"{secrets.randbelow(10**6):06d}"
    said = texts()
    carrier.send(
        to=address,
        subject=said.say(f"{channel.words}.code_subject", language),
        text=said.say(f"{channel.words}.code_text", language, code=code),
        key=secrets.token_hex(16),
        at=at,
    )
    with transaction.atomic():
        contact, _ = channel.reaches.select_for_update().get_or_create(person=person)
        contact.pending_sealed = sealed(address, contact)
        contact.code_digest, contact.code_until = _digest(channel, contact, code), at + CODE_FOR
        contact.tries, contact.language = 0, language
        contact.save()


def confirm(channel: Channel, *, person: Any, typed: str, at: datetime) -> None:
    """Take the address whose code was typed.

    Raises:
        Refused: "contact.code_wrong"; "contact.code_over": none is awaited, or too late, or too
            often.
    """
    with transaction.atomic():
        contact = channel.reaches.select_for_update().filter(person=person).first()
        if contact is None or contact.code_digest is None or contact.code_until is None:
            raise Refused("contact.code_over")
        expected = _digest(channel, contact, typed)
        is_right = hmac.compare_digest(bytes(contact.code_digest), expected)
        is_over = at > contact.code_until or contact.tries >= TRIES
        if is_right and not is_over:
            contact.address_sealed, contact.pending_sealed = contact.pending_sealed, None
            contact.code_digest = contact.code_until = contact.failed_at = None
            contact.confirmed_at = at
        else:
            contact.tries += 1
        contact.save()
    if is_over:
        raise Refused("contact.code_over")
    if not is_right:
        raise Refused("contact.code_wrong")
    _tell(channel, person, "confirmed", at=at)


def remove(channel: Channel, person: Any, *, at: datetime) -> None:
    """Forget the address; what waits to be sent there is not sent."""
    if channel.reaches.filter(person=person).delete()[0]:
        _tell(channel, person, "removed", at=at)


def wish(  # noqa: PLR0913, each is a box on the page
    channel: Channel, person: Any, *, cases: bool, events: bool, quiet: bool, once_a_day: bool
) -> None:
    """Say what is sent there, and when."""
    channel.reaches.filter(person=person).update(
        sends_cases=cases, sends_events=events, is_quiet=quiet, once_a_day=once_a_day
    )


def _tell(channel: Channel, person: Any, what: str, *, at: datetime) -> None:
    known, words = texts(), channel.words
    inbox.tell(
        person=person, key=f"{words}:{what}:{person.pk}:{at.isoformat()}", kind="security",
        title=known.text(f"{words}.{what}_title"), text=known.text(f"{words}.{what}_text"), at=at,
    )  # fmt: skip


def _digest(channel: Channel, contact: Reach, code: str) -> bytes:
    return vault().digest(f"{channel.words} code", f"{contact.pk}:{code.strip()}")
