"""The real certification centre beside the pages: its own process, its own database."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from tests.simulators.phones.registration import Desk
from tests.trust.conftest import Enrolee, Service, free_port
from tests.trust.remote_world import register_clients
from tests.trust.serve_trust import RA_SECRET

from pencere.kernel.identifiers import Fin
from pencere.web.certification import approving
from pencere.web.certification.centre import centre
from pencere.web.people.domain import accounts
from pencere.web.people.models import Person
from pencere.web.people.vault import Identity


@dataclass
class At:
    """The installation as the pages see it, with the centre at an address of the test."""

    installation: Any
    trust: str

    def address(self, name: str) -> str:
        return self.trust if name == "trust" else self.installation.address(name)

    def secret(self, name: str) -> str:
        return RA_SECRET if name == "ra" else self.installation.secret(name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.installation, name)


@pytest.fixture
def centre_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Let the pages ask a centre at an address: `centre_at("http://127.0.0.1:1")`."""
    original = settings.INSTALLATION

    def set_address(address: str) -> None:
        monkeypatch.setattr(settings, "INSTALLATION", At(original, address))
        centre.cache_clear()

    yield set_address
    centre.cache_clear()


@pytest.fixture
def away(centre_at: Callable[[str], None]) -> Callable[[], None]:
    """Take the centre away: nobody listens at its address any more."""
    return lambda: centre_at(f"http://127.0.0.1:{free_port()}")


@pytest.fixture(scope="session")
def desk(service: Service) -> Desk:
    """The officers' telephones, and the centre asked without the pages."""
    register_clients(service)
    return Desk.of(service)


@pytest.fixture
def live(desk: Desk, centre_at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Let the pages speak to the real centre, and to telephones through it."""
    centre_at(desk.service.base_url)
    monkeypatch.setattr(approving, "mobile_client", desk.service.client)
    return desk


def account(someone: Enrolee) -> Person:
    """Open the account of a person whose telephone is certified."""
    facts = someone.person
    identity = Identity(Fin(facts.fin), facts.given_name, facts.surname)
    return accounts.open_account(identity, at=settings.CLOCK.now(), phone=facts.phone)
