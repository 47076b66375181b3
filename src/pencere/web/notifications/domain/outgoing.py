"""Mail and text messages that say that something is in the inbox; never what.

It says only how many notices wait and where the portal is: whoever reads over a shoulder, or has
another's mailbox, learns nothing about the person, and no link has to be pressed.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.conf import settings
from django.db import transaction

from pencere.kernel.clock import BAKU
from pencere.kernel.errors import Refused, Unavailable
from pencere.web.notifications.domain.addresses import address_of
from pencere.web.notifications.domain.channels import CHANNELS, Carrier, Channel
from pencere.web.notifications.models import Delivery, Message, Reach
from pencere.web.texts import texts

log = logging.getLogger(__name__)

MORNING, EVENING = time(8), time(22)
# What is about the person's own means of signing in and signing waits for no morning, and cannot be
# switched off while there is an address.
AT_ONCE = frozenset({"security", "certificate"})
# What is asked again: after ten minutes, then twice as long each time, for a week in all.
PAUSE, TIMES = timedelta(minutes=10), 10
# How often a carrier may be silent in one run before the next is waited for.
SILENCES = 3

Status = Delivery.Status


def plan(message: Message, *, at: datetime) -> None:
    """Let a new message be told by each way that its person wants for it."""
    for channel in CHANNELS.values():
        reach = channel.reaches.filter(person=message.person_id, confirmed_at__isnull=False).first()
        if reach is not None and _is_wanted(reach, message.kind):
            Delivery.objects.create(
                message=message, channel=channel.name, at=at,
                due_at=due(reach, message.kind, at=at),
            )  # fmt: skip


def due(reach: Reach, kind: str, *, at: datetime) -> datetime:
    """Return when to send: now, or the next morning where nights are quiet or one mail a day is."""
    here = at.astimezone(BAKU)
    is_night = not MORNING <= here.time() < EVENING
    if kind in AT_ONCE or not (reach.once_a_day or (reach.is_quiet and is_night)):
        return at
    day = here.date() if here.time() < MORNING else here.date() + timedelta(days=1)
    return datetime.combine(day, MORNING, BAKU)


def send_due(channel: Channel, carrier: Carrier, *, at: datetime) -> int:
    """Send what is due, one message a person; return how many were sent.

    A person's deliveries are locked while their message is handed over, so that two workers send
    it once. One killed between the carrier's yes and the end of its transaction sends it again
    under the same key: a provider of text messages knows it by that, SMTP has no way to ask.
    """
    sent = silences = 0
    for person in _waiting(channel, at):
        outcome = _send_to(person, channel, carrier, at=at)
        sent += outcome is Status.SENT
        silences += outcome is Status.CREATED
        if silences >= SILENCES:
            log.warning("%s_silent sent=%d", channel.words, sent)
            break
    return sent


def _waiting(channel: Channel, at: datetime) -> list[int]:
    due_now = Delivery.objects.filter(channel=channel.name, status=Status.CREATED, due_at__lte=at)
    found = due_now.order_by("due_at").values_list("message__person", flat=True)
    return list(dict.fromkeys(found[: channel.people * 5]))[: channel.people]


@transaction.atomic
def _send_to(
    person: int, channel: Channel, carrier: Carrier, *, at: datetime
) -> Delivery.Status | None:
    """Send one person's message; CREATED means that the carrier was silent."""
    rows = list(
        Delivery.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(channel=channel.name, status=Status.CREATED, due_at__lte=at, message__person=person)
        .select_related("message")
        .order_by("id")
    )
    reach = channel.reaches.filter(person=person, confirmed_at__isnull=False).first()
    address = None if reach is None else address_of(reach)
    unread = [row for row in rows if row.message.read_at is None]
    if reach is None or address is None or not unread:
        status = Status.FAILED if address is None else Status.DELIVERED
        _settle(rows, _Outcome(status), at)
        return None
    said, language = texts(), reach.language
    portal, key = settings.INSTALLATION.address("portal"), reference_of(unread[0])
    try:
        parts = carrier.send(
            to=address,
            subject=said.say(f"{channel.words}.subject", language),
            text=said.say(f"{channel.words}.text", language, n=len(unread), portal=portal),
            key=key,
            at=at,
        )
    except Unavailable as silence:
        _later(rows, silence.code, at)
        return Status.CREATED
    except Refused as refusal:
        _settle(rows, _Outcome(Status.FAILED, refusal.code), at)
        channel.reaches.filter(pk=reach.pk).update(failed_at=at)
        return Status.FAILED
    _settle(rows, _Outcome(Status.SENT, reference=key), at)
    Delivery.objects.filter(pk=unread[0].pk).update(parts=parts)
    channel.reaches.filter(pk=reach.pk).exclude(failed_at=None).update(failed_at=None)
    return Status.SENT


def reference_of(row: Delivery) -> str:
    """Return the name under which a delivery leaves; nobody guesses one."""
    return f"{row.message_id.hex}.{row.pk}"


@dataclass(frozen=True, slots=True)
class _Outcome:
    status: Delivery.Status
    problem: str = ""
    reference: str = ""


def _settle(rows: list[Delivery], outcome: _Outcome, at: datetime) -> None:
    Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(
        status=outcome.status, problem=outcome.problem, reference=outcome.reference, at=at
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


def _is_wanted(reach: Reach, kind: str) -> bool:
    if kind == "case":
        return reach.sends_cases
    if kind == "event":
        return reach.sends_events
    return True
