"""Acting for another at the portal, page by page."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Refused
from pencere.web.cases.domain import acting, reading
from pencere.web.cases.domain.effects import run
from pencere.web.cases.models import Case, Draft, Effect
from pencere.web.notifications.models import Message
from pencere.web.people.domain.visit import Office, Visit
from pencere.web.people.models import Person, Session

NOON = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
SERVICE = "residence-certificate"


def apply(browser: Client, service: str = SERVICE) -> str:
    """Begin an application, answer, send; return where it leads."""
    question = browser.get(f"/en/apply/{service}/").headers["location"]
    browser.post(question, {"presented_to": "school"})
    return browser.post(question.replace("question/presented_to/", "check/")).headers["location"]


def test_a_mother_gets_a_certificate_for_her_child(
    leyla: Person, registers: Any, acts: Callable[..., Client]
) -> None:
    browser = acts(leyla, "parent", "2")
    page = browser.get("/en/window/").content.decode()
    assert "You are acting for Nigar Məmmədova." in page

    address = apply(browser)

    case = Case.objects.get()
    assert address == f"/en/cases/{case.number}/?received=1"
    assert (case.person.name, case.agent) == ("Nigar Məmmədova", leyla)
    said = reading.open_case(case, at=case.submitted_at).application
    assert said["applicant"] == {"fin": "9NGAR15", "given_name": "Nigar", "surname": "Məmmədova"}
    assert said["agent"] == {
        "fin": "4LEYL82", "given_name": "Leyla", "surname": "Məmmədova",
        "power": {
            "asked_at": "2026-11-20T08:00:00+00:00", "kind": "parent", "record": "2",
            "register": "population/person", "until": "2035-02-19", "version": 1,
        },
    }  # fmt: skip
    # The registers were asked about the child, by the mother.
    told = [purpose for register, purpose in registers.asked if register == "population/residence"]
    assert {(one.person, one.user) for one in told} == {("9NGAR15", "4LEYL82")}


def test_what_one_writes_for_another_is_not_among_ones_own(
    leyla: Person, registers: Any, acts: Callable[..., Client], sign_in: Callable[..., Client]
) -> None:
    browser = acts(leyla, "parent", "2")
    browser.get(f"/en/apply/{SERVICE}/")
    for_child = Draft.objects.get()
    own = sign_in(leyla)

    assert own.get(f"/en/applications/{for_child.pk}/").status_code == 404
    own.get(f"/en/apply/{SERVICE}/")
    assert Draft.objects.count() == 2
    assert browser.get(f"/en/applications/{for_child.pk}/").status_code == 302

    browser.post("/en/window/powers/stop/")
    browser.post("/en/window/powers/stop/")
    assert browser.get(f"/en/applications/{for_child.pk}/").status_code == 404


def test_the_child_sees_what_was_done_and_a_stranger_does_not(
    leyla: Person, orxan: Person, registers: Any, acts: Callable[..., Client],
    sign_in: Callable[..., Client],
) -> None:  # fmt: skip
    apply(acts(leyla, "parent", "2"))
    case = Case.objects.get()

    page = sign_in(case.person).get(f"/en/cases/{case.number}/")
    assert (page.status_code, "Leyla Məmmədova" in page.content.decode()) == (200, True)
    assert sign_in(orxan).get(f"/en/cases/{case.number}/").status_code == 404
    assert sign_in(leyla).get(f"/en/cases/{case.number}/").status_code == 404
    assert acts(leyla, "attorney", "31").get(f"/en/cases/{case.number}/").status_code == 404


def test_ones_own_affairs_stay_closed_while_one_acts_for_another(
    leyla: Person, registers: Any, acts: Callable[..., Client]
) -> None:
    browser = acts(leyla, "parent", "2")

    for address in ("data", "access", "consents", "notices", "powers", "notices/mail"):
        page = browser.get(f"/en/window/{address}/")
        assert (page.status_code, "Continue as myself" in page.content.decode()) == (403, True)
    assert browser.get("/en/devices/").status_code in {403, 404}
    browser.post("/en/window/powers/stop/")
    assert browser.get("/en/window/powers/").status_code == 200


def test_an_attorney_reaches_what_the_power_says_and_nothing_more(
    leyla: Person, registers: Any, acts: Callable[..., Client]
) -> None:
    browser = acts(leyla, "attorney", "31")

    refused = browser.get(f"/en/apply/{SERVICE}/")
    assert refused.status_code == 403
    assert "The power does not reach this service" in refused.content.decode()
    assert browser.get("/en/apply/driving-licence-replace/").status_code in {200, 302}
    # A power is not passed on.
    assert browser.get("/en/apply/power-of-attorney/").status_code == 403


def test_a_power_that_was_taken_back_ends_at_the_next_step(
    leyla: Person, registers: Any, acts: Callable[..., Client], clock: FixedClock
) -> None:
    browser = acts(leyla, "parent", "2")
    question = browser.get(f"/en/apply/{SERVICE}/").headers["location"]
    person = registers.records["population/person"]
    person[1] = replace(person[1], data={**person[1].data, "mother": "6AYDN47"})
    clock.advance(timedelta(minutes=21))

    page = browser.post(question, {"presented_to": "school"})

    assert (page.status_code, "The power has ended" in page.content.decode()) == (403, True)
    assert Case.objects.count() == 0
    assert "You are acting for" not in browser.get("/en/window/").content.decode()


def test_while_the_register_is_silent_nothing_is_sent_and_nothing_lost(
    leyla: Person, registers: Any, acts: Callable[..., Client], clock: FixedClock
) -> None:
    browser = acts(leyla, "parent", "2")
    question = browser.get(f"/en/apply/{SERVICE}/").headers["location"]
    clock.advance(timedelta(minutes=21))
    registers.silent.add("population/person")

    assert browser.post(question, {"presented_to": "school"}).status_code == 503
    registers.silent.clear()
    browser.post(question, {"presented_to": "school"})
    address = browser.post(question.replace("question/presented_to/", "check/")).headers["location"]
    assert address.endswith("?received=1")


def test_past_the_last_day_one_acts_for_oneself_again(
    leyla: Person, registers: Any, acts: Callable[..., Client], clock: FixedClock
) -> None:
    mandates = registers.records["mandates/power"]
    mandates[0] = replace(mandates[0], data={**mandates[0].data, "until": "2026-11-20"})
    browser = acts(leyla, "attorney", "31")
    assert "You are acting for" in browser.get("/en/window/").content.decode()

    clock.advance(timedelta(hours=12, minutes=-1))  # still awake at five to midnight in Baku
    Session.objects.update(seen_at=clock.now(), begun_at=clock.now())
    assert "You are acting for" in browser.get("/en/window/").content.decode()
    clock.advance(timedelta(minutes=2))
    assert "You are acting for" not in browser.get("/en/window/").content.decode()


def test_a_power_one_does_not_hold_is_not_begun(
    orxan: Person, registers: Any, sign_in: Callable[..., Client]
) -> None:
    browser = sign_in(orxan)
    for kind, record in (("parent", "2"), ("", ""), ("head", "2" * 900), ("attorney", "31")):
        answer = browser.post("/en/window/powers/act/", {"kind": kind, "record": record})
        assert answer.headers["location"] == "/en/window/powers/"
    assert "You are acting for" not in browser.get("/en/window/").content.decode()


def test_the_head_acts_for_the_company(
    orxan: Person, registers: Any, acts: Callable[..., Client]
) -> None:
    browser = acts(orxan, "head", "21")
    page = browser.get("/en/window/").content.decode()

    assert "You are acting for Göygöl Daşıma MMC." in page
    # For a service to citizens a company cannot apply.
    assert browser.get(f"/en/apply/{SERVICE}/").status_code == 403
    assert browser.get("/en/apply/power-of-attorney/").status_code == 302
    company = Draft.objects.get().person
    assert (company.is_company, company.identity.voen) == (True, "9900000011")
    with pytest.raises(Refused):
        _ = company.fin


def test_the_page_names_what_is_held_and_given_and_ends_it(
    leyla: Person, registers: Any, sign_in: Callable[..., Client]
) -> None:
    registers.put(
        "mandates/power", "32", number="E-00000002", principal="4LEYL82", given="Leyla",
        family="Məmmədova", agent="5RXAN31", agent_name="Orxan Həsənov", scope=[],
        since="2026-11-01", until="2027-11-01",
    )  # fmt: skip
    browser = sign_in(leyla)
    page = browser.get("/en/window/powers/").content.decode()
    for words in ("Nigar Məmmədova", "Until 19 February 2035", "Aydan Quliyeva", "A car",
                  "Orxan Həsənov", "Until 1 November 2027"):  # fmt: skip
        assert words in page

    browser.post("/en/window/powers/end/", {"kind": "attorney", "record": "32"})
    browser.post("/en/window/powers/end/", {"kind": "attorney", "record": "32"})
    assert "Orxan Həsənov" not in browser.get("/en/window/powers/").content.decode()

    registers.silent.add("mandates/power")
    assert browser.get("/en/window/powers/").status_code == 503


def test_both_are_told_and_no_number_stands_in_the_session(
    leyla: Person, registers: Any, acts: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(acts(leyla, "parent", "2"))
    for effect in Effect.objects.filter(kind="tell"):
        Effect.objects.filter(pk=effect.pk).update(waits_for=[])
        run.run(effect_id=effect.pk, gateway=registers, at=settings.CLOCK.now())

    told = {message.person.name for message in Message.objects.all()}
    assert told == {"Nigar Məmmədova", "Leyla Məmmədova"}
    kept = json.dumps([one.remembered for one in Session.objects.all()])
    assert not any(number in kept for number in ("9NGAR15", "4LEYL82"))


def test_an_officer_does_not_handle_what_they_sent_for_another(
    leyla: Person, registers: Any, acts: Callable[..., Client]
) -> None:
    apply(acts(leyla, "parent", "2"))
    case = Case.objects.get()
    visit = Visit(1, leyla, "high", NOON, (Office(case.body, "officer"),))

    with pytest.raises(Refused) as taken:
        acting.take(case=case, officer=leyla, at=NOON)
    with pytest.raises(Refused) as acted:
        acting.officer_of(visit, case)
    assert (taken.value.code, acted.value.code) == ("case.own_case", "case.own_case")
