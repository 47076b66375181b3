"""Telling people what registers said about them: events that the portal is subscribed to."""

import logging
from datetime import datetime
from typing import Protocol

from django.conf import settings
from django.db import transaction

from pencere.client import Event
from pencere.countries import Country
from pencere.kernel.datafile import Node
from pencere.kernel.errors import Invalid
from pencere.kernel.identifiers import parse_fin
from pencere.kernel.text import Text
from pencere.web.notifications.domain import inbox, offers
from pencere.web.notifications.models import EventPosition
from pencere.web.people.domain import accounts
from pencere.web.texts import texts

log = logging.getLogger(__name__)
KIND = "event"
SERVICE = "idda/portal/deliverEvent"


class Source(Protocol):
    """The portal's own node."""

    def events_after(self, type_: str, number: int) -> tuple[Event, ...]:
        """Return what came behind a number."""

    def acknowledge(self, type_: str, number: int) -> None:
        """Say that all up to a number is done with."""


def types() -> tuple[str, ...]:
    """Return the types of the portal's subscriptions, whole."""
    top = Node.of_file(Country.load(settings.COUNTRY).folder / "exchange.yaml")
    state = f"{top.string('instance', 'AZ')}/{top.string('class', 'GOV')}"
    return tuple(
        f"{state}/{one.string('consumer', 'body/system')}/{name}"
        for one in top.children("agreements").values()
        if one.string("service", SERVICE) == SERVICE
        for name in one.strings("events", ("moved",))
    )


def tell_news(source: Source, *, at: datetime) -> int:
    """Tell people what arrived; return how many messages that are.

    Messages and the place in the events are stored together, and acknowledged afterwards: what a
    stop interrupts is told once.
    """
    told = 0
    for type_ in types():
        position, _ = EventPosition.objects.get_or_create(type=type_)
        events = source.events_after(type_, position.number)
        if not events:
            continue
        with transaction.atomic():
            kept = EventPosition.objects.select_for_update().get(type=type_)
            fresh = [one for one in events if one.number > kept.number]
            told += sum(_tell(type_, one, at) for one in fresh)
            kept.number = max(kept.number, events[-1].number)
            kept.save(update_fields=["number"])
        source.acknowledge(type_, events[-1].number)
    return told


def _tell(type_: str, event: Event, at: datetime) -> int:
    """Tell the person, if they are known here; nobody is made known by an event."""
    try:
        person = accounts.find(parse_fin(event.person))
    except Invalid:
        log.warning("event_of_nobody type=%s number=%d", type_, event.number)
        return 0
    name = type_.rpartition("/")[2].replace("-", "_")
    known = texts()
    key = f"notifications.events.{name}"
    if person is None or key not in known:
        return 0
    facts = {fact: str(event.data.get(fact, "")) for fact in known[f"{key}_text"].placeholders}
    said = {
        language: known.say(f"{key}_text", language, **facts) for language in ("az", "en", "ru")
    }
    inbox.tell(
        person=person,
        key=f"event:{event.id}",
        kind=KIND,
        title=known.text(key),
        text=Text.from_mapping(said),
        at=at,
        offers=offers.services_after(type_.rpartition("/")[2], event.data, person=person),
    )
    return 1
