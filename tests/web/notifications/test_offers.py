"""After an event services are offered that people then need; who wants none gets none."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from tests.web.notifications.test_events import ANNULLED, MOVED, Source, event

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Misconfigured
from pencere.web.cases.domain import drafts
from pencere.web.country import country
from pencere.web.notifications.domain import events, inbox, offers
from pencere.web.notifications.models import Message
from pencere.web.people.models import Person


def told(person: Person, type_: str, clock: FixedClock, **data: str) -> Message:
    source = Source({type_: [event(1, str(person.fin), **data)]})
    assert events.tell_news(source, at=clock.now()) == 1
    return inbox.messages_of(person).get()


def page(browser: Client, message: Message, language: str = "en") -> str:
    answer = browser.get(f"/{language}/window/notices/{message.pk}/")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    ("type_", "data", "offered"),
    [
        (
            MOVED,
            {"kind": "permanent"},
            ["residence-certificate", "utilities", "family-composition"],
        ),
        (MOVED, {"kind": "temporary"}, []),
        (MOVED, {}, []),
        (ANNULLED, {"number": "BA 1"}, []),
    ],
)
def test_what_is_offered_follows_from_the_event(
    person: Person, clock: FixedClock, type_: str, data: dict[str, str], offered: list[str]
) -> None:
    assert told(person, type_, clock, **data).offers == offered


def test_an_offer_leads_to_the_service_until_it_is_begun(
    person: Person, clock: FixedClock, sign_in: Callable[..., Client]
) -> None:
    message = told(person, MOVED, clock, kind="permanent")
    browser = sign_in(person)

    before = page(browser, message)
    drafts.start_draft(person=person, service="residence-certificate", at=clock.now())
    after = page(browser, message)

    assert "You may need now" in before
    assert "/en/services/residence-certificate/" in before
    assert "/en/services/residence-certificate/" not in after
    assert "/en/services/utilities/" in after


def test_who_declines_is_told_and_offered_nothing_until_they_allow_it_again(
    person: Person, clock: FixedClock, sign_in: Callable[..., Client]
) -> None:
    browser = sign_in(person)
    for _ in range(2):  # a second press changes nothing
        browser.post("/en/window/notices/offers/", {"offers": "none"})
    listed = browser.get("/en/window/notices/").content.decode()

    without = told(person, MOVED, clock, kind="permanent")
    browser.post("/en/window/notices/offers/", {"offers": "some"})

    assert "Suggest services again" in listed
    assert without.offers == []
    assert "You may need now" not in page(browser, without)
    assert offers.is_declined(person) is False


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("services", "bodies.yaml", "acts.yaml"):
        (tmp_path / name).symlink_to(country().folder / name)
    return tmp_path


@pytest.mark.parametrize(
    "written",
    [
        "offers: {moved: {services: [no-such-service]}}",
        "offers: {moved: {services: []}}",
        "offers: {moved: {services: utilities}}",
        "offers: {moved: {only: {kind: 3}, services: [utilities]}}",
        "offers: [moved]",
    ],
)
def test_a_wrong_file_is_refused(folder: Path, written: str) -> None:
    (folder / "offers.yaml").write_text(written, "utf-8")

    with pytest.raises(Misconfigured):
        offers._offers(folder)
