"""The office's door: only who comes back with what was sent, and only who holds an office."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client
from django.urls import clear_url_caches, set_urlconf

from pencere.web.identity.office import views
from pencere.web.identity.office.provider import Provider
from pencere.web.identity.provider.clients import OFFICE
from pencere.web.people.domain.subjects import subject_for
from pencere.web.people.models import OfficerRole, Person, Session

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def office(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(settings, "ROLE", "office")
    monkeypatch.setattr(settings, "ROOT_URLCONF", "pencere.web.urls.office")
    clear_url_caches()
    set_urlconf(None)
    yield
    clear_url_caches()


@pytest.fixture
def proven(person: Person, monkeypatch: pytest.MonkeyPatch) -> str:
    """The provider proves this person; the exchange itself is tested with the provider."""
    subject = subject_for(person.pk, OFFICE)
    monkeypatch.setattr(Provider, "subject_of", lambda *_a, **_k: subject)
    return subject


def begin(client: Client, address: str = "/az/queue/") -> str:
    """Start; return the state that went to the portal."""
    there = client.get("/az/sign-in/", {"next": address})["Location"]
    return parse_qs(urlsplit(there).query)["state"][0]


def come_back(client: Client, state: str, **more: str) -> Any:
    return client.get("/sign-in/callback", {"code": "c", "state": state, **more})


def test_an_officer_gets_in_and_comes_to_the_place_asked_for(
    client: Client, person: Person, proven: str
) -> None:
    OfficerRole.objects.create(person=person, body="dyp", role="officer")
    state = begin(client)

    answer = come_back(client, state)

    assert answer["Location"] == "/az/queue/"
    assert Session.objects.get().role == "office"


def test_a_citizen_does_not(client: Client, person: Person, proven: str) -> None:
    answer = come_back(client, begin(client))

    assert answer.status_code == 403
    assert Session.objects.count() == 0


@pytest.mark.parametrize(
    "fault", ["another state", "no cookie", "forged cookie", "error", "no code"]
)
def test_an_answer_that_does_not_belong_to_this_browser_is_refused(
    client: Client, person: Person, proven: str, fault: str
) -> None:
    OfficerRole.objects.create(person=person, body="dyp", role="officer")
    state = begin(client)
    query = {"code": "c", "state": state}
    if fault == "another state":
        query["state"] = "another"
    elif fault == "no cookie":
        client.cookies.clear()
    elif fault == "forged cookie":
        client.cookies[settings.SIGN_IN_COOKIE] = "e30:1:x"
    elif fault == "error":
        query["error"] = "access_denied"
    else:
        del query["code"]

    answer = client.get("/sign-in/callback", query)

    assert answer.status_code == 403
    assert Session.objects.count() == 0


def test_nobody_is_led_out_of_the_office(client: Client, person: Person, proven: str) -> None:
    OfficerRole.objects.create(person=person, body="dyp", role="officer")

    answer = come_back(client, begin(client, "https://elsewhere.example/"))

    assert answer["Location"] == "/az/"


def test_after_signing_out_one_is_told_and_not_sent_back_in(
    person: Person, sign_in: Callable[..., Client]
) -> None:
    client = sign_in(person, ("dyp", "officer"))

    out = client.post("/en/sign-out/")
    page = client.get(out["Location"])

    assert out["Location"] == "/en/signed-out/"
    assert "You have signed out" in page.content.decode()
    assert views.signed_out.rule.name == "public"  # type: ignore[attr-defined]
