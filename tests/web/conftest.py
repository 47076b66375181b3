"""What tests of pages share: a person, a browser in which the person is signed in."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client

from pencere.kernel.clock import FixedClock, SystemClock
from pencere.kernel.identifiers import Fin
from pencere.web.people.domain import accounts, sessions
from pencere.web.people.models import OfficerRole, Person
from pencere.web.people.vault import Identity


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FixedClock:
    """A clock that stands at this moment until a test moves it."""
    fixed = FixedClock(SystemClock().now())
    monkeypatch.setattr(settings, "CLOCK", fixed)
    return fixed


@pytest.fixture
def make_person(db: None) -> Callable[..., Person]:
    """Open an account: `make_person("5KQ2R7A", given_name=..., surname=...)`."""

    def make(fin: str = "5KQ2R7A", given_name: str = "Aydan", surname: str = "Quliyeva") -> Person:
        identity = Identity(Fin(fin), given_name, surname)
        return accounts.open_account(identity, at=settings.CLOCK.now(), phone="+994501234567")

    return make


@pytest.fixture
def person(make_person: Callable[..., Person]) -> Person:
    return make_person()


@pytest.fixture
def sign_in() -> Callable[..., Client]:
    """Give a browser in which a person is signed in; `offices` are (body, role) pairs."""

    def enter(person: Person, *offices: tuple[str, str], enforce_csrf: bool = False) -> Client:
        for body, role in offices:
            OfficerRole.objects.get_or_create(person=person, body=body, role=role)
        client = Client(enforce_csrf_checks=enforce_csrf)
        client.cookies[settings.SESSION_COOKIE] = sessions.begin(
            person=person, assurance="high", device="Firefox · Linux", at=settings.CLOCK.now()
        )
        return client

    return enter
