"""Sessions: found by one query, ended by time, by the person, by nobody else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Missing
from pencere.web.people.domain import sessions
from pencere.web.people.domain.visit import Office
from pencere.web.people.models import OfficerRole, Person, Session

pytestmark = pytest.mark.django_db


def begin(person: Person, clock: FixedClock) -> str:
    return sessions.begin(person=person, assurance="high", device="Firefox · Linux", at=clock.now())


def is_in(token: str, clock: FixedClock) -> bool:
    found = sessions.find(token, at=clock.now())
    return found is not None and found.visit is not None


def test_a_session_is_found_with_person_and_offices_by_one_query(
    person: Person, clock: FixedClock, django_assert_num_queries: Any
) -> None:
    OfficerRole.objects.create(person=person, body="dyp", role="officer", unit="licences")
    token = begin(person, clock)

    with django_assert_num_queries(1):
        found = sessions.find(token, at=clock.now())

    assert found is not None
    assert found.visit is not None
    assert found.visit.person == person
    assert found.visit.offices == (Office("dyp", "officer", "licences"),)


def test_the_token_is_not_in_the_database(person: Person, clock: FixedClock) -> None:
    token = begin(person, clock)

    stored = bytes(Session.objects.get().token_digest)

    assert (len(stored), token.encode() in stored) == (32, False)


@pytest.mark.parametrize(
    ("pause", "stays"),
    [(sessions.IDLE, True), (sessions.IDLE + timedelta(seconds=1), False)],
    ids=["just in time", "a second late"],
)
def test_an_idle_session_ends(
    person: Person, clock: FixedClock, pause: timedelta, stays: bool
) -> None:
    token = begin(person, clock)

    clock.advance(pause)

    assert is_in(token, clock) is stays


def test_a_session_in_use_ends_after_its_longest_time(person: Person, clock: FixedClock) -> None:
    token = begin(person, clock)
    steps = sessions.LONGEST // timedelta(minutes=20)

    for _ in range(steps):
        clock.advance(timedelta(minutes=20))
        found = sessions.find(token, at=clock.now())
        assert found is not None
        assert found.visit is not None
        sessions.see(found.visit, at=clock.now())
    clock.advance(timedelta(minutes=1))

    assert not is_in(token, clock)


def test_a_token_of_the_portal_is_none_at_the_office(
    person: Person, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = begin(person, clock)

    monkeypatch.setattr(settings, "ROLE", "office")

    assert sessions.find(token, at=clock.now()) is None


def test_a_person_who_is_not_active_is_out_at_once(person: Person, clock: FixedClock) -> None:
    token = begin(person, clock)

    Person.objects.filter(pk=person.pk).update(is_active=False)

    assert not is_in(token, clock)


def test_a_person_ends_own_sessions_and_no_other(
    make_person: Callable[..., Person], clock: FixedClock
) -> None:
    aydan, leyla = make_person("5KQ2R7A"), make_person("4LEYL82", "Leyla", "Məmmədova")
    tokens = [begin(aydan, clock), begin(aydan, clock), begin(leyla, clock)]
    here = sessions.find(tokens[0], at=clock.now())
    assert here is not None
    assert here.visit is not None

    ended = sessions.end_others(here.visit, at=clock.now())

    assert ended == 1
    assert [is_in(token, clock) for token in tokens] == [True, False, True]
    of_leyla = Session.objects.get(person=leyla)
    with pytest.raises(Missing):
        sessions.end(aydan, of_leyla.pk, at=clock.now())


def test_a_session_remembers_and_forgets(person: Person, clock: FixedClock) -> None:
    token = begin(person, clock)
    found = sessions.find(token, at=clock.now())
    assert found is not None
    assert found.visit is not None

    sessions.remember(found.visit, "word", {"name": "Tural"})
    again = sessions.find(token, at=clock.now())
    sessions.remember(found.visit, "word", None)

    assert again is not None
    assert again.visit is not None
    assert again.visit.remembered == {"word": {"name": "Tural"}}
    assert found.visit.remembered == {}


def test_a_false_cookie_is_nobody(client: Client) -> None:
    client.cookies[settings.SESSION_COOKIE] = "x" * 5000

    page = client.get("/en/help/")

    assert page.status_code == 200
    assert "Sign in" in page.content.decode()
