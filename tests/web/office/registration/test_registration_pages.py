"""The registration authority's desk: who gets in, what is shown once, what is said of a refusal."""

import html
import itertools
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests
from django.test import Client
from tests.simulators.phones.registration import FIRST, SECOND, Desk
from tests.trust.remote_world import PIN, enrol
from tests.web.office.registration.conftest import Officer

_numbers = itertools.count(1)
PAGES = (
    "",
    "person/",
    "applications/new/",
    f"applications/{uuid.uuid4()}/",
    "mass/",
    "officers/",
    f"acts/{uuid.uuid4()}/",
)


def fin_and_phone() -> tuple[str, str]:
    number = next(_numbers)
    return f"8WEB{number:03d}", f"+9945080{number:05d}"


def act_of(location: str) -> str:
    found = re.fullmatch(r"/az/registration/acts/([0-9a-f-]{36})/", location)
    assert found is not None, location
    return found[1]


def written(page: str) -> str:
    """Return a page as it is read: without the marks for browsers."""
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


def apply(officer: Officer, fin: str, **changes: str) -> str:
    """Go through the form; return the act that two officers sign."""
    form = {
        "fin": fin, "phone": "050 333 44 55", "method": "in-person", "document": "AA1234567",
        **changes,
    }  # fmt: skip
    shown = officer.browser.post("/az/registration/applications/new/", form)
    assert shown.status_code == 200, shown.content.decode()
    sent = re.search(r'name="sent" value="([^"]+)"', shown.content.decode())
    assert sent is not None
    opened = [
        officer.browser.post("/az/registration/applications/open/", {"sent": sent[1]})["Location"]
        for _ in range(2)
    ]
    assert opened[0] == opened[1]  # a second press opens nothing
    return act_of(opened[0])


@pytest.mark.parametrize("role", ["officer", "unit-head", "auditor", "catalogue-editor"])
def test_who_is_no_registrar_gets_nothing(
    make_officer: Callable[..., Any], sign_in: Callable[..., Client], role: str
) -> None:
    browser = sign_in(make_officer(), ("dyp", role))

    answers = [browser.get(f"/az/registration/{path}").status_code for path in PAGES]
    sent = browser.post("/az/registration/person/", {"fin": FIRST}).status_code

    assert (answers, sent) == ([403] * len(PAGES), 403)


def test_a_role_at_the_desk_alone_opens_no_act_at_the_centre(
    live: Desk, make_officer: Callable[..., Any], sign_in: Callable[..., Client]
) -> None:
    browser = sign_in(make_officer(), ("idda", "ra-chief"))  # the centre never heard of them
    someone = live.service.enrol(*fin_and_phone())

    answer = browser.post(
        "/az/registration/person/act/",
        {"id": str(uuid.uuid4()), "fin": someone.person.fin, "act": "suspend",
         "serials": [f"{someone.signature.serial_number:x}"]},
        follow=True,
    )  # fmt: skip

    said = f"status {answer.status_code}; the centre's log:\n{live.service.log.read_text()}"
    assert answer.redirect_chain == [("/az/registration/person/", 302)], said
    assert "əməkdaşı kimi tanınmırsınız" in written(answer.content.decode()), said
    about = live.post("acts/query", {"holder": someone.person.fin}).json()["acts"]
    assert about == []


def test_a_code_is_shown_once_and_no_personal_number_is_in_an_address(
    first: Officer, second: Officer, register: None
) -> None:
    fin, _ = fin_and_phone()
    act = apply(first, fin)
    first.sign(act)
    page = second.sign(act)
    again = second.browser.get(f"/az/registration/acts/{act}/").content.decode()
    other = first.browser.get(f"/az/registration/acts/{act}/").content.decode()

    code = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}\b")
    assert [len(set(code.findall(written(one)))) > 0 for one in (page, again, other)] == [
        True, False, False,
    ]  # fmt: skip
    addresses = re.findall(r'(?:href|action|src)="([^"]*)"', page + again + other)
    assert [one for one in addresses if fin in one or FIRST in one] == []


def test_the_page_for_a_key_in_the_centre_is_shown_once_and_works(
    first: Officer, second: Officer, register: None, live: Desk
) -> None:
    fin, _ = fin_and_phone()
    act = apply(first, fin, place="centre")
    first.sign(act)
    page = second.sign(act)
    again = second.browser.get(f"/az/registration/acts/{act}/").content.decode()
    address = re.search(r"<textarea[^>]*>(\S+/remote/enrolment/\S+)</textarea>", page)
    assert address is not None
    made = requests.post(address[1], data={"pin": PIN, "again": PIN}, timeout=30)
    found = second.browser.post("/az/registration/person/", {"fin": fin}).content.decode()

    assert ("<svg" in page, "/remote/enrolment/" in again, made.status_code) == (True, False, 200)
    assert "Açar sertifikat mərkəzindədir" in written(found)
    assert live.post("remote-keys", {"holder": fin}).json()["remote_keys"][0]["closed_at"] is None


def test_a_blocked_key_in_the_centre_has_a_button_and_a_working_one_has_none(
    first: Officer, live: Desk
) -> None:
    import psycopg

    fin, phone = fin_and_phone()
    _, credential, _ = enrol(live.service, fin, phone)
    button = f'value="unblock-remote {credential}"'
    before = first.browser.post("/az/registration/person/", {"fin": fin}).content.decode()
    with psycopg.connect(live.service.centre.issuance.conninfo) as connection:
        connection.execute(
            "update trust.remote_credential set pin_tries_left = 0 where id = %s", (credential,)
        )
    after = first.browser.post("/az/registration/person/", {"fin": fin}).content.decode()
    opened = first.browser.post(
        "/az/registration/person/act/",
        {"id": str(uuid.uuid4()), "fin": fin, "act": f"unblock-remote {credential}"},
    )

    assert (button in before, button in after) == (False, True)
    act = live.get(f"acts/{act_of(opened['Location'])}").json()["act"]
    assert (act["act"], act["details"]) == ("unblock-remote", {"credential": credential})


def test_a_double_press_opens_one_act(first: Officer, live: Desk) -> None:
    someone = live.service.enrol(*fin_and_phone())
    form = {
        "id": str(uuid.uuid4()), "fin": someone.person.fin, "act": "suspend",
        "serials": [f"{someone.signature.serial_number:x}"],
    }  # fmt: skip

    places = [
        first.browser.post("/az/registration/person/act/", form)["Location"] for _ in range(2)
    ]

    about = live.post("acts/query", {"holder": someone.person.fin}).json()["acts"]
    assert (places[0] == places[1], [one["id"] for one in about]) == (True, [act_of(places[0])])


def test_a_refusal_is_said_in_words(first: Officer, live: Desk) -> None:
    someone = live.service.enrol(*fin_and_phone())
    about = {"fin": someone.person.fin, "serials": [f"{someone.signature.serial_number:x}"]}

    def press(**said: str) -> str:
        form = {"id": str(uuid.uuid4()), **about, **said}
        answer = first.browser.post("/az/registration/person/act/", form, follow=True)
        return written(answer.content.decode())

    assert "Sertifikat dayandırılmayıb." in press(act="release")
    assert "Əməliyyat natamamdır." in press(act="revoke")
    assert "Əməliyyat natamamdır." in press(act="suspend", serials="")


def test_a_centre_that_is_away_is_said_and_nothing_is_lost(
    first: Officer, away: Callable[[], None]
) -> None:
    away()

    answers = [
        first.browser.get("/az/registration/"),
        first.browser.post("/az/registration/person/", {"fin": SECOND}),
    ]

    assert [one.status_code for one in answers] == [503, 503]
    assert all(
        "Sertifikat mərkəzi cavab vermir" in written(one.content.decode()) for one in answers
    )


@pytest.mark.parametrize("place", ["pocket", "sima"])
def test_a_place_that_nobody_offers_is_refused_beside_its_field(
    first: Officer, register: None, place: str
) -> None:
    fin, _ = fin_and_phone()
    form = {"fin": fin, "phone": "050 333 44 55", "method": "in-person", "document": "AA1234567"}
    answer = first.browser.post("/az/registration/applications/new/", {**form, "place": place})

    assert (answer.status_code, "Açarın harada olacağını seçin." in answer.content.decode()) == (
        400, True,
    )  # fmt: skip
