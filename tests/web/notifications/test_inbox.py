"""The inbox: one message for a key, new until it is opened, and only for its owner."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Missing
from pencere.kernel.text import Text
from pencere.web.notifications.domain import inbox
from pencere.web.notifications.models import Delivery, Message
from pencere.web.people.models import Person

WORDS = Text("Şəkliniz uyğun gəlmədi.", "Your photograph does not fit.", "Фото не подходит.")


def told(person: Person, clock: FixedClock, key: str = "c1:2:told") -> Message:
    return inbox.tell(
        person=person, key=key, kind="case", title=WORDS, text=WORDS, at=clock.now(),
        subject="DYP-2026-000001",
    )  # fmt: skip


def test_telling_twice_is_one_message_and_one_delivery(person: Person, clock: FixedClock) -> None:
    first, second = told(person, clock), told(person, clock)

    assert first == second
    assert [(d.channel, d.status) for d in Delivery.objects.all()] == [("inbox", "delivered")]


def test_the_newest_stands_first_and_counts_until_it_is_opened(
    person: Person, clock: FixedClock
) -> None:
    old = told(person, clock)
    clock.advance(timedelta(hours=1))
    new = told(person, clock, "c1:3:told")
    before = inbox.unread(person)

    inbox.read(person=person, message_id=new.id, at=clock.now())

    assert list(inbox.messages_of(person)) == [new, old]
    assert (before, inbox.unread(person)) == (2, 1)


def test_the_first_time_it_was_opened_stays(person: Person, clock: FixedClock) -> None:
    message = told(person, clock)
    first = inbox.read(person=person, message_id=message.id, at=clock.now()).read_at
    clock.advance(timedelta(hours=1))

    again = inbox.read(person=person, message_id=message.id, at=clock.now())

    assert again.read_at == first


def test_another_persons_message_is_not_there_and_stays_new(
    person: Person,
    make_person: Callable[..., Person],
    sign_in: Callable[..., Client],
    clock: FixedClock,
) -> None:
    message, stranger = told(person, clock), make_person("4LEYL82")

    page = sign_in(stranger).get(f"/az/window/notices/{message.id}/")

    with pytest.raises(Missing):
        inbox.read(person=stranger, message_id=message.id, at=clock.now())
    assert (page.status_code, inbox.unread(person), inbox.unread(stranger)) == (404, 1, 0)


def test_a_message_nobody_sent_is_not_there(
    person: Person, sign_in: Callable[..., Client], clock: FixedClock
) -> None:
    assert sign_in(person).get(f"/az/window/notices/{uuid4()}/").status_code == 404


@pytest.mark.parametrize(
    ("language", "words"), [("az", WORDS.az), ("en", WORDS.en), ("ru", WORDS.ru)]
)
def test_a_message_is_read_in_the_language_of_the_page(
    person: Person, sign_in: Callable[..., Client], clock: FixedClock, language: str, words: str
) -> None:
    message = told(person, clock)
    browser = sign_in(person)

    pages = [
        browser.get(f"/{language}/window/notices/").content.decode(),
        browser.get(f"/{language}/window/notices/{message.id}/").content.decode(),
    ]

    assert [words in page for page in pages] == [True, True]
