"""The phones as a process beside the certification centre's."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from tests.trust.conftest import Service, free_port, running, service

from pencere.simulators.phones import sim, split
from pencere.simulators.phones.sim import Card, Pins
from pencere.trust.ceremony import Enrolment, Person
from pencere.trust.pins import PURPOSES, Half

__all__ = ["service"]


@dataclass
class Owner:
    """A person with a phone in the simulator, and a browser that looks at it."""

    url: str
    fin: str
    number: str
    name: str

    def look(self) -> dict:
        return requests.get(self._page, headers={"Accept": "application/json"}, timeout=5).json()

    def page(self, language: str = "az") -> requests.Response:
        return requests.get(f"{self.url}/{language}/phones/{self.name}", timeout=5)

    def act(self, act: str, **fields: str) -> requests.Response:
        return requests.post(
            f"{self._page}/{act}", data=fields, headers={"Accept": "application/json"}, timeout=10
        )

    def press(self, act: str, language: str = "az", **fields: str) -> requests.Response:
        url = f"{self.url}/{language}/phones/{self.name}/{act}"
        return requests.post(url, data=fields, timeout=10)

    @property
    def _page(self) -> str:
        return f"{self.url}/az/phones/{self.name}"


@pytest.fixture(scope="session")
def phones(
    service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    folder, port = tmp_path_factory.mktemp("phones"), free_port()
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parent),
        "PHONES_TEST_FOLDER": str(folder / "phones"),
        "PHONES_TEST_TRUST": service.base_url,
    }
    with running("serve_phones:create", port, folder / "phones.log", environment):
        yield f"http://127.0.0.1:{port}", folder / "phones"


_numbers = iter(range(2000000, 2999999))


@pytest.fixture
def owner(service: Service, phones: tuple[str, Path]) -> Owner:
    url, folder = phones
    number = next(_numbers)
    card = Card(f"p{number}", "Quliyeva", "Aydan", f"+99450{number}", "87654321")
    made = split.provision(folder, card, Pins("1234", "12345"), "device pass")
    sent, halves = made.requests, made.halves or {}
    enrolled = service.centre.issue_person(
        Person(f"{number}", "Quliyeva", "Aydan", card.phone),
        Enrolment(
            sent.authentication_request,
            sent.signature_request,
            sent.device_key,
            {one: Half(halves[one].verifier, halves[one].share) for one in PURPOSES},
        ),
    )
    sim.store_certificates(
        folder,
        card.name,
        device=enrolled.device_id,
        authentication=enrolled.authentication,
        signature=enrolled.signature,
    )
    split.forget_halves(folder, card.name)
    return Owner(url, str(number), card.phone, card.name)
