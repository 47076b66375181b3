"""Officers of the registration authority at their desk, with the real centre behind it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.test import Client
from tests.simulators.phones.registration import CHIEF, FIRST, SECOND, Desk
from tests.trust.conftest import service
from tests.trust.remote_world import Phone
from tests.web.certification_world import account, away, centre_at, desk, live

from pencere.web.exchange import Gateway
from pencere.web.office.registration import applications

__all__ = ["away", "centre_at", "desk", "live", "service"]


@dataclass
class Officer:
    """An officer: the browser, and the telephone that signs."""

    desk: Desk
    fin: str
    browser: Client

    def sign(self, act: str) -> str:
        """Sign an act by telephone; return its page, as it is shown right after."""
        base = f"/az/registration/acts/{act}/"
        assert self.browser.post(f"{base}sign/")["Location"] == f"{base}wait/"
        self.browser.post(f"{base}sign/")  # a second press asks the telephone nothing
        phone = Phone(self.desk.service, self.desk.officers[self.fin])
        assert len(phone.waiting()) == 1
        phone.answer()
        assert self.browser.get(f"{base}wait/")["Location"] == base
        return self.browser.get(base).content.decode()


@pytest.fixture
def officers(live: Desk, db: None, sign_in: Callable[..., Client]) -> dict[str, Officer]:
    roles = {CHIEF: "ra-chief", FIRST: "ra-officer", SECOND: "ra-officer"}
    return {
        fin: Officer(live, fin, sign_in(account(live.officers[fin]), ("idda", role)))
        for fin, role in roles.items()
    }


@pytest.fixture
def first(officers: dict[str, Officer]) -> Officer:
    return officers[FIRST]


@pytest.fixture
def second(officers: dict[str, Officer]) -> Officer:
    return officers[SECOND]


@pytest.fixture
def register(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """The population register answers the registration's pages too."""
    monkeypatch.setattr(applications, "gateway", lambda: gateway)
