"""The inbox: telling a person something, once, and what they have read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from pencere.kernel.errors import Missing
from pencere.kernel.text import Text
from pencere.web.notifications.domain import outgoing
from pencere.web.notifications.models import Delivery, Message

INBOX = "inbox"

_UNREAD = "select count(*) from notifications_message where person_id = %s and read_at is null"


@transaction.atomic
def tell(  # noqa: PLR0913, a message is all of these
    *,
    person: Any,
    key: str,
    kind: str,
    title: Text,
    text: Text,
    at: datetime,
    subject: str = "",
    offers: Sequence[str] = (),
) -> Message:
    """Put a message into the person's inbox. The same `key` twice is one message."""
    message, is_new = Message.objects.get_or_create(
        key=key,
        defaults={
            "person": person,
            "kind": kind,
            "title": title.as_mapping(),
            "text": text.as_mapping(),
            "subject": subject,
            "offers": list(offers),
            "sent_at": at,
        },
    )
    if is_new:
        Delivery.objects.create(
            message=message, channel=INBOX, status=Delivery.Status.DELIVERED, at=at
        )
        outgoing.plan(message, at=at)
    return message


def messages_of(person: Any) -> QuerySet[Message]:
    """Return the person's messages, newest first."""
    return Message.objects.filter(person=person)


def unread(person: Any) -> int:
    """Count what the person has not opened. Every page of who is here asks: plain SQL."""
    with connection.cursor() as cursor:
        cursor.execute(_UNREAD, [person.pk])
        count: int = cursor.fetchone()[0]
    return count


def read(*, person: Any, message_id: UUID, at: datetime) -> Message:
    """Return a message to its owner and note that it was opened.

    Raises:
        Missing: "message.missing": no such message, or another person's.
    """
    message = Message.objects.filter(person=person, pk=message_id).first()
    if message is None:
        raise Missing("message.missing")
    if message.read_at is None:
        Message.objects.filter(pk=message.pk, read_at=None).update(read_at=at)
        message.read_at = at
    return message
