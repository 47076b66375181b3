"""Events of registers become messages: once each, to the person they are about, to nobody else."""

from dataclasses import dataclass, field

from pencere.client import Event
from pencere.kernel.clock import FixedClock
from pencere.web.notifications.domain import events, inbox
from pencere.web.notifications.models import EventPosition
from pencere.web.people.models import Person

MOVED = "AZ/GOV/bpqmi/population/residence-changed"
ANNULLED = "AZ/GOV/dyp/dyp/driving-licence-annulled"


@dataclass
class Source:
    """What a node would give."""

    kept: dict[str, list[Event]]
    acknowledged: list[tuple[str, int]] = field(default_factory=list)

    def events_after(self, type_: str, number: int) -> tuple[Event, ...]:
        return tuple(one for one in self.kept.get(type_, []) if one.number > number)

    def acknowledge(self, type_: str, number: int) -> None:
        self.acknowledged.append((type_, number))


def event(number: int, person: str, /, **data: str) -> Event:
    return Event(number, f"id-{number}-{len(data)}", "2026-11-22T09:00:00+00:00", "", person, data)


def test_the_portal_is_told_of_addresses_and_licences() -> None:
    assert events.types() == (MOVED, ANNULLED)


def test_an_event_is_one_message_to_its_person(person: Person, clock: FixedClock) -> None:
    fin = str(person.fin)
    source = Source({
        MOVED: [event(1, fin), event(2, "7ZZZZZZ"), event(3, "nobody")],
        ANNULLED: [event(1, fin, number="BA 000001")],
    })  # fmt: skip

    first = events.tell_news(source, at=clock.now())
    second = events.tell_news(source, at=clock.now())

    assert (first, second) == (2, 0)
    assert source.acknowledged == [(MOVED, 3), (ANNULLED, 1)]
    texts = [one.text["en"] for one in inbox.messages_of(person)]
    assert sum("BA 000001" in text for text in texts) == 1
    assert {one.type: one.number for one in EventPosition.objects.all()} == {MOVED: 3, ANNULLED: 1}
