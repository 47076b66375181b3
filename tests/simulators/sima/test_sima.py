"""SİMA's application as its owner meets it: what it opens, what it refuses to open or to sign."""

import json
import os
import re
import subprocess
import sys

import pytest
import requests
from tests.simulators.sima.conftest import Owner, Site
from tests.trust.conftest import Service

from pencere.kernel.clock import SystemClock
from pencere.trust import sima, sima_calls
from pencere.trust.sima import OperationType
from pencere.trust.validation import OcspClient

AUTH, SIGN = OperationType.AUTH, OperationType.SIGN
DOCUMENT = '{"number":"DL-2026-000001","applicant":"Əliyeva"}'.encode()


def test_a_person_signs_in_and_the_site_knows_them(
    site: Site, owner: Owner, service: Service
) -> None:
    link = site.link(AUTH)

    page = owner.open(link)
    done = owner.act("open", data=link, pin="1234")

    assert "Request to sign in" in page.text
    assert "Sınaq saytı" in page.text
    assert done.status_code == 200
    assert f'href="{site.address}/back"' in done.text
    ((certificate, answer),) = site.answers
    identity, _chain = sima_calls.identify(
        certificate, answer.type, service.anchors, SystemClock().now(), OcspClient()
    )
    assert (identity.fin, answer.operation) == (owner.fin, "f" * 32)


def test_the_application_shows_the_code_of_the_page(site: Site, owner: Owner) -> None:
    link = site.link(AUTH)
    document = sima.document_of(link.partition("?")[2])
    code = sima.read(document, lambda _client: "the secret of the tests").code

    shown = re.search(r'<strong id="code">(\d{4})</strong>', owner.open(link).text)

    assert shown is not None
    assert shown.group(1) == code


def test_a_document_is_read_before_it_is_signed(site: Site, owner: Owner) -> None:
    link = site.link(SIGN, document=DOCUMENT)

    page = owner.act("open", data=link, pin="12345")

    assert "Əliyeva" in page.text
    assert site.answers == []
    assert owner.sign(link, "12345").status_code == 200
    assert site.answers[0][1].type is SIGN


def test_the_link_may_be_that_of_the_button(site: Site, owner: Owner) -> None:
    link = sima.link("sima://web-to-app", site.link(AUTH))

    assert "Request to sign in" in owner.open(link).text


def test_a_link_that_was_opened_leads_to_the_choice_of_a_person(
    site: Site, owner: Owner, applications: tuple[str, object]
) -> None:
    answer = requests.get(
        f"{applications[0]}/web-to-app", params={"data": site.link(AUTH)}, timeout=5
    )

    assert "/az/apps/p" in answer.text
    assert "tsquery" in answer.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"secret": "another"}, "not written by a site we know"),
        ({"id": "stranger"}, "not written by a site we know"),
        ({"callback": "http://127.0.0.1:9/Callback/"}, "leads to another site"),
        ({"host": "127.0.0.1:9"}, "leads to another site"),
        ({"begins_in_s": 60}, "not in force yet"),
        ({"lasts_s": 0}, "has expired"),
        ({"assignee": ("9ZZZZZ9",)}, "for another person"),
    ],
)
def test_a_link_that_is_not_right_is_not_opened(
    site: Site, owner: Owner, change: dict, said: str
) -> None:
    link = site.link(AUTH, **change)

    page = owner.open(link)
    pressed = owner.act("open", data=link, pin="1234")

    assert (said in page.text, said in pressed.text) == (True, True)
    assert (page.status_code, pressed.status_code) == (403, 403)
    assert site.given == []


def test_the_person_who_is_named_may_answer(site: Site, owner: Owner) -> None:
    link = site.link(AUTH, assignee=("9ZZZZZ9", owner.fin))

    assert owner.act("open", data=link, pin="1234").status_code == 200
    assert len(site.answers) == 1


@pytest.mark.parametrize(
    "link",
    [
        "hello",
        "https://portal.example/GetFile/?tsquery=%%%",
        "https://portal.example/GetFile/?tsquery=e30=",
        "https://portal.example/GetFile/?tsquery=" + "W1tb" * 900,
        "sima://web-to-app?data=",
    ],
)
def test_what_is_no_link_is_refused_politely(owner: Owner, link: str) -> None:
    page = owner.open(link)

    assert page.status_code == 400
    assert "This is not a SİMA link" in page.text


@pytest.mark.parametrize("fault", ["shows another", "signs another", "garbage"])
def test_what_the_link_does_not_name_is_not_signed(site: Site, owner: Owner, fault: str) -> None:
    link = site.link(SIGN, document=DOCUMENT)
    site.fault = fault

    page = owner.act("open", data=link, pin="12345")

    assert page.status_code == 403
    assert "Do not sign" in page.text
    assert site.answers == []


def test_a_site_that_refuses_or_is_away_is_said_so(site: Site, owner: Owner) -> None:
    link = site.link(AUTH)
    site.fault = "refuses"
    refused = owner.act("open", data=link, pin="1234")
    away = Site("http://127.0.0.1:9").link(AUTH)

    silent = owner.act("open", data=away, pin="1234")

    assert (refused.status_code, "sima.expired" in refused.text) == (403, True)
    assert (silent.status_code, "does not answer" in silent.text) == (503, True)


def test_a_wrong_pin_is_counted_and_the_third_blocks(site: Site, owner: Owner) -> None:
    link = site.link(AUTH)

    pages = [owner.act("open", data=link, pin="0000").text for _ in range(3)]
    right = owner.act("open", data=link, pin="1234")

    assert ["Tries left: 2" in pages[0], "Tries left: 1" in pages[1]] == [True, True]
    assert ("blocked" in pages[2], "blocked" in right.text) == (True, True)
    assert site.answers == []


def test_who_refuses_signs_nothing_even_later(site: Site, owner: Owner) -> None:
    link = site.link(SIGN, document=DOCUMENT)
    page = owner.act("open", data=link, pin="12345")
    handle = re.search(r'name="handle" value="([^"]+)"', page.text)
    assert handle is not None

    refused = owner.act("refuse", handle=handle.group(1))
    late = owner.act("sign", handle=handle.group(1))

    assert "Nothing was sent" in refused.text
    assert late.status_code == 404
    assert site.answers == []


def test_a_page_of_another_site_presses_no_button(site: Site, owner: Owner) -> None:
    answer = requests.post(
        f"{owner.page}/open",
        data={"data": site.link(AUTH), "pin": "1234"},
        headers={"Origin": "https://evil.example"},
        timeout=5,
    )

    assert answer.status_code == 403
    assert site.answers == []


@pytest.mark.parametrize("path", ["/en/apps/nobody", "/static/none.css", "/en/apps/..%2f..%2fx"])
def test_an_address_with_nothing_behind_it(applications: tuple[str, object], path: str) -> None:
    assert requests.get(applications[0] + path, timeout=5).status_code == 404


def test_the_process_says_how_it_is(applications: tuple[str, object], owner: Owner) -> None:
    url = applications[0]

    assert requests.get(f"{url}/healthz", timeout=5).json()["healthy"] is True
    assert requests.get(f"{url}/openapi.json", timeout=5).json()["openapi"] == "3.1.0"
    assert requests.get(f"{url}/static/phones.css", timeout=5).status_code == 200
    assert "pencere_sima_acts" in requests.get(f"{url}/metrics", timeout=5).text


def test_the_application_knows_the_portal_only_by_its_wire() -> None:
    code = (
        "import sys, json, pencere.simulators.sima.app;"
        "print(json.dumps([n for n in sys.modules if n.startswith('pencere.')]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ, capture_output=True, check=True, timeout=30
    )

    loaded = {name.split(".")[1] for name in json.loads(done.stdout)}
    assert loaded == {"kernel", "simulators"}
