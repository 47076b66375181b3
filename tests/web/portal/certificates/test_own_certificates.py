"""One's own certificates: looked at, suspended after a question, watched."""

import html
import itertools
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from tests.simulators.phones.registration import Desk
from tests.trust.conftest import Enrolee
from tests.web.certification_world import account

from pencere.web.certification.models import Watch

_numbers = itertools.count(1)
BASE = "/az/window/certificates/"


@dataclass
class Someone:
    """A person with a certified telephone, signed in."""

    desk: Desk
    enrolee: Enrolee
    browser: Client

    @property
    def serials(self) -> list[str]:
        both = (self.enrolee.authentication, self.enrolee.signature)
        return sorted(f"{one.serial_number:x}" for one in both)

    def page(self) -> str:
        return self.browser.get(BASE).content.decode()

    def end(self, **said: Any) -> Any:
        return self.browser.post(f"{BASE}end/", said)

    def statuses(self) -> list[str]:
        asked = self.desk.post("certificates", {"serials": self.serials})
        return [one["status"] for one in asked.json()["certificates"]]

    def acts(self) -> list[str]:
        asked = self.desk.post("acts/query", {"holder": self.enrolee.person.fin})
        return [one["act"]["act"] for one in asked.json()["acts"]]


@pytest.fixture
def someone(live: Desk, db: None, sign_in: Callable[..., Client]) -> Someone:
    number = next(_numbers)
    enrolee = live.service.enrol(f"8PRT{number:03d}", f"+9945081{number:05d}")
    return Someone(live, enrolee, sign_in(account(enrolee)))


def written(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


def test_the_page_shows_each_certificate_and_where_its_key_lies(someone: Someone) -> None:
    page = someone.page()

    shown = re.findall(r'name="serials" value="([0-9a-f]+)"', page)
    assert (sorted(shown), written(page).count("Açar telefondadır")) == (someone.serials, 2)
    addresses = re.findall(r'(?:href|action|src)="([^"]*)"', page)
    assert [one for one in addresses if someone.enrolee.person.fin in one] == []


@pytest.mark.parametrize(
    ("act", "status", "kind"),
    [("suspend", "suspended", "own-suspend"), ("revoke", "revoked", "own-revoke")],
)
def test_nothing_ends_before_it_was_confirmed_and_two_presses_end_it_once(
    someone: Someone, act: str, status: str, kind: str
) -> None:
    asked = someone.end(act=act, serials=someone.serials).content.decode()
    before = someone.statuses()
    identifier = re.search(r'name="id" value="([^"]+)"', asked)
    assert identifier is not None
    form = {"act": act, "serials": someone.serials, "id": identifier[1], "confirmed": "yes"}
    places = [someone.end(**form)["Location"] for _ in range(2)]

    assert (before, someone.statuses()) == (["good", "good"], [status, status])
    assert (places, someone.acts()) == ([BASE, BASE], [kind])


def test_nobody_ends_a_certificate_of_somebody_else(
    someone: Someone, live: Desk, sign_in: Callable[..., Client]
) -> None:
    number = next(_numbers)
    other = live.service.enrol(f"8PRT{number:03d}", f"+9945081{number:05d}")
    stranger = Someone(live, other, sign_in(account(other)))
    form = {"act": "suspend", "serials": someone.serials, "confirmed": "yes"}

    answer = stranger.end(**form, id=str(uuid.uuid4()))

    assert (answer.status_code, someone.statuses(), stranger.acts()) == (302, ["good", "good"], [])


def test_what_is_ended_already_is_said_in_words(someone: Someone) -> None:
    form = {"act": "revoke", "serials": someone.serials, "confirmed": "yes"}
    someone.end(**form, id=str(uuid.uuid4()))
    someone.end(**form, id=str(uuid.uuid4()))

    assert "Sertifikat artıq ləğv edilib." in written(someone.page())


@pytest.mark.parametrize(
    "said",
    [
        {"act": "issue"},
        {"act": "suspend", "serials": [f"{number:x}" for number in range(1, 22)]},
        {"act": "suspend", "serials": ["1"], "confirmed": "yes", "id": "again"},
    ],
)
def test_a_form_that_no_page_sends_is_refused(someone: Someone, said: dict[str, Any]) -> None:
    assert (someone.end(**said).status_code, someone.acts()) == (400, [])


def test_choosing_nothing_is_said(someone: Someone) -> None:
    assert someone.end(act="suspend")["Location"] == BASE
    assert "Ən azı birini seçin." in written(someone.page())


def test_watching_begins_and_ends_and_twice_is_once(someone: Someone) -> None:
    def press(value: str) -> int:
        someone.browser.post(f"{BASE}watch/", {"watch": value})
        return Watch.objects.count()

    counts = [press(one) for one in ("yes", "yes", "no", "no", "yes")]

    assert counts == [1, 1, 0, 0, 1]
    assert 'name="watch" value="no"' in someone.page()


def test_who_is_not_signed_in_is_asked_to(live: Desk, db: None) -> None:
    client = Client()
    answers = [client.get(BASE), client.post(f"{BASE}end/", {"act": "suspend"}),
               client.post(f"{BASE}watch/", {"watch": "yes"})]  # fmt: skip

    assert [one.status_code for one in answers] == [302, 302, 302]


def test_a_centre_that_is_away_is_said(someone: Someone, away: Callable[[], None]) -> None:
    away()

    form = {"act": "suspend", "serials": someone.serials, "confirmed": "yes"}
    answers = [someone.browser.get(BASE), someone.end(**form, id=str(uuid.uuid4()))]

    assert [one.status_code for one in answers] == [503, 503]
    assert "Sertifikat mərkəzi cavab vermir" in written(answers[0].content.decode())
