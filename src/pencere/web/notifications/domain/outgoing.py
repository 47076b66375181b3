"""Mail that says that something is in the inbox; never what.

It says only how many notices wait and where the portal is: whoever reads over a shoulder, or has
another's mailbox, learns nothing about the person, and no link has to be pressed.
"""

import logging
from datetime import datetime, time, timedelta

from django.conf import settings
from django.db import transaction

from pencere.kernel.clock import BAKU
from pencere.kernel.errors import Refused, Unavailable
from pencere.web.notifications.domain.addresses import address_of
from pencere.web.notifications.domain.smtp import Mailer
from pencere.web.notifications.models import Contact, Delivery, Message
from pencere.web.texts import texts

log = logging.getLogger(__name__)

EMAIL = "email"
MORNING, EVENING = time(8), time(22)
# What is about the person's own means of signing in and signing waits for no morning, and cannot be
# switched off while there is an address.
AT_ONCE = frozenset({"security", "certificate"})
# What is asked again: after ten minutes, then twice as long each time, for a week in all.
PAUSE, TIMES = timedelta(minutes=10), 10
# Of one run: people, and how often a server may be silent before the next run.
PEOPLE, SILENCES = 100, 3

Status = Delivery.Status


def plan(message: Message, *, at: datetime) -> None:
    """Let a new message be told by mail, if its person wants that."""
    contact = Contact.objects.filter(person=message.person_id, confirmed_at__isnull=False).first()
    if contact is None or not _is_wanted(contact, message.kind):
        return
    Delivery.objects.create(
        message=message, channel=EMAIL, at=at, due_at=due(contact, message.kind, at=at)
    )


def due(contact: Contact, kind: str, *, at: datetime) -> datetime:
    """Return when to send: now, or the next morning where nights are quiet or one mail a day is."""
    here = at.astimezone(BAKU)
    is_night = not MORNING <= here.time() < EVENING
    if kind in AT_ONCE or not (contact.once_a_day or (contact.is_quiet and is_night)):
        return at
    day = here.date() if here.time() < MORNING else here.date() + timedelta(days=1)
    return datetime.combine(day, MORNING, BAKU)


def send_due(server: Mailer, *, at: datetime) -> int:
    """Send what is due, one mail a person; return how many mails were sent.

    A person's deliveries are locked while their mail is handed over, so that two workers send it
    once. One killed between the server's yes and the end of its transaction sends it again under
    the same Message-ID: SMTP has no way to ask whether it was taken.
    """
    sent = silences = 0
    for person in _waiting(at):
        outcome = _send_to(person, server, at=at)
        sent += outcome is Status.SENT
        silences += outcome is Status.CREATED
        if silences >= SILENCES:
            log.warning("mail_silent sent=%d", sent)
            break
    return sent


def _waiting(at: datetime) -> list[int]:
    due_now = Delivery.objects.filter(channel=EMAIL, status=Status.CREATED, due_at__lte=at)
    found = due_now.order_by("due_at").values_list("message__person", flat=True)
    return list(dict.fromkeys(found[: PEOPLE * 5]))[:PEOPLE]


@transaction.atomic
def _send_to(person: int, server: Mailer, *, at: datetime) -> Delivery.Status | None:
    """Send one person's mail; CREATED means that the server was silent."""
    rows = list(
        Delivery.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(channel=EMAIL, status=Status.CREATED, due_at__lte=at, message__person=person)
        .select_related("message")
        .order_by("id")
    )
    contact = Contact.objects.filter(person=person, confirmed_at__isnull=False).first()
    address = None if contact is None else address_of(contact)
    unread = [row for row in rows if row.message.read_at is None]
    if contact is None or address is None or not unread:
        _settle(rows, Status.FAILED if address is None else Status.DELIVERED, "", at)
        return None
    said, language = texts(), contact.language
    portal = settings.INSTALLATION.address("portal")
    try:
        server.send(
            to=address,
            subject=said.say("mail.subject", language),
            text=said.say("mail.text", language, n=len(unread), portal=portal),
            key=f"{unread[0].message_id.hex}.{unread[0].pk}",
            at=at,
        )
    except Unavailable as silence:
        _later(rows, silence.code, at)
        return Status.CREATED
    except Refused as refusal:
        _settle(rows, Status.FAILED, refusal.code, at)
        Contact.objects.filter(pk=contact.pk).update(failed_at=at)
        return Status.FAILED
    _settle(rows, Status.SENT, "", at)
    Contact.objects.filter(pk=contact.pk).exclude(failed_at=None).update(failed_at=None)
    return Status.SENT


def _settle(rows: list[Delivery], status: Delivery.Status, problem: str, at: datetime) -> None:
    Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(
        status=status, problem=problem, at=at
    )


def _later(rows: list[Delivery], problem: str, at: datetime) -> None:
    for row in rows:
        row.attempts += 1
        row.problem = problem
        row.at = at
        if row.attempts >= TIMES:
            row.status = Status.FAILED
        else:
            row.due_at = at + PAUSE * 2 ** (row.attempts - 1)
        row.save(update_fields=["attempts", "problem", "at", "status", "due_at"])


def _is_wanted(contact: Contact, kind: str) -> bool:
    if kind == "case":
        return contact.sends_cases
    if kind == "event":
        return contact.sends_events
    return True
