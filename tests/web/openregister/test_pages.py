"""The public pages: three languages, hostile questions, what helps when nothing is found."""

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client
from tests.web.openregister.conftest import NOW

from pencere.web.openregister.domain.snapshot import snapshot
from pencere.web.stateregister.domain.recording import describe
from pencere.web.stateregister.models import Agreement, Description, System

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("founded")]

PAGES = [
    "", "systems/bpqmi/population/", "systems/bpqmi/population/versions/1/", "bodies/bpqmi/",
    "bodies/cabmin/", "concepts/", "concepts/address/", "concepts/face-image/",
    "agreements/portal-person-own/", "graph/", "graph/bodies/idda/", "graph/systems/idda/portal/",
    "figures/", "codelists/", "codelists/regions/", "codelists/economic-regions/versions/2/",
    "codelists/sex/versions/1/", "data/",
]  # fmt: skip


def words(page: bytes) -> str:
    main = re.search(r"<main.*</main>", page.decode(), re.DOTALL)
    assert main is not None
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main[0])).split())


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["az", "en", "ru"])
def test_a_page_is_there_kept_and_light(path: str, language: str) -> None:
    browser = Client(headers={"Accept-Encoding": "gzip"})

    answer = browser.get(f"/{language}/registry/{path}")

    assert (answer.status_code, dict(answer.cookies)) == (200, {})
    assert answer["Vary"] == "Cookie, Accept-Encoding"
    assert len(answer.content) < 15_000


@pytest.mark.parametrize(
    ("question", "system"),
    [
        ("surucu", "dyp/dyp"), ("SÜRÜCÜLÜK", "dyp/dyp"), ("ehali reyestri", "bpqmi/population"),
        ("driving licence", "dyp/dyp"), ("население", "bpqmi/population"),
        ("unvan", "bpqmi/population"),
    ],
)  # fmt: skip
def test_words_find_a_system_in_any_language_and_without_its_letters(
    question: str, system: str
) -> None:
    page = Client().get("/az/registry/", {"q": question}).content.decode()

    assert f"/az/registry/systems/{system}/" in page


@pytest.mark.parametrize(
    "question",
    [
        {"q": "<script>alert(1)</script>"}, {"q": "' or 1=1 --"}, {"q": "\x00"}, {"q": "ə" * 5000},
        {"q": "%s%s%s{0}{}"}, {"body": "../../etc"}, {"page": "-1"}, {"page": "9" * 40},
        {"page": "٣"}, {"concept": "<b>"}, {"q": "a", "page": "99999"}, {"kind": "resource"},
    ],
)  # fmt: skip
def test_a_hostile_question_is_answered_as_any_other(question: dict[str, str]) -> None:
    answer = Client().get("/az/registry/", question)

    assert answer.status_code == 200
    assert b"<script>alert" not in answer.content


def test_who_finds_nothing_is_shown_what_there_is() -> None:
    page = Client().get("/en/registry/", {"q": "zzzzqqqq"}).content

    assert "Nothing was found" in words(page)
    assert b"/en/registry/concepts/" in page


@pytest.mark.parametrize(
    "path",
    ["systems/bpqmi/nothing/", "systems/nobody/x/", "systems/bpqmi/population/versions/99/",
     "systems/bpqmi/population/versions/99999999999/", "bodies/nobody/", "concepts/nothing/",
     "agreements/nothing/", "graph/bodies/nobody/", "graph/systems/idda/nothing/",
     "codelists/nothing/", "codelists/sex/versions/7/"],
)  # fmt: skip
def test_what_is_not_there_is_missing(path: str) -> None:
    assert Client().get(f"/az/registry/{path}").status_code == 404


def test_facets_narrow_and_count_what_the_others_leave() -> None:
    page = Client().get("/en/registry/", {"body": "bpqmi", "concept": "address"}).content

    shown = re.findall(r'href="/en/registry/systems/([^/]+/[^/"]+)/"', page.decode())
    assert set(shown) == {"bpqmi/population"}
    assert "1 system or resource" in words(page)


def test_a_page_of_a_system_says_nothing_that_only_officers_read() -> None:
    system = System.objects.get(owner_id="bpqmi", code="population")
    last = Description.objects.filter(system=system).order_by("-number").first()
    assert last is not None
    content = last.content | {
        "location": {"data_centre": "gov-cloud-main", "address": "Gizli küçə 7"},
        "ask_once": [{"concept": "address", "holder": "x/y", "decision": "own",
                      "reason": "Gizli səbəb"}],
    }  # fmt: skip
    Description.objects.create(
        system=system, number=2, content=content, content_sha256=b"1" * 32, why="Gizli qeyd",
        application="", made_at=last.made_at, leaf_hash=b"2" * 32,
    )  # fmt: skip

    for address in ("/az/registry/systems/bpqmi/population/",
                    "/az/registry/systems/bpqmi/population/versions/2/",
                    "/api/registry/v1/systems/bpqmi/population",
                    "/api/registry/v1/systems/bpqmi/population/versions"):  # fmt: skip
        page = Client().get(address).content.decode()
        assert "Gizli" not in page
        assert "gov-cloud-main" not in page
        assert "security_class" not in page


def test_the_versions_of_a_system_say_what_changed() -> None:
    system = System.objects.get(owner_id="bpqmi", code="population")
    last = Description.objects.filter(system=system).order_by("-number").first()
    assert last is not None
    thing = last.content["objects"][0]
    hair = {"code": "hair", "concept": "", "names": {"az": "Saçı", "en": "Hair", "ru": "Волосы"}}
    fields = [*thing["fields"], hair]
    content: dict[str, Any] = last.content | {
        "objects": [thing | {"fields": fields}, *last.content["objects"][1:]]
    }
    Description.objects.create(
        system=system, number=2, content=content, content_sha256=b"1" * 32, why="", application="",
        made_at=last.made_at, leaf_hash=b"2" * 32,
    )  # fmt: skip

    page = words(Client().get("/en/registry/systems/bpqmi/population/").content)
    old = words(Client().get("/en/registry/systems/bpqmi/population/versions/1/").content)

    assert "Data: Hair Added" in page
    assert "This is an older version. The present one is 2." in old


def test_the_register_is_read_anew_when_a_row_of_it_changed() -> None:
    before = snapshot()
    same = snapshot()
    Agreement.objects.filter(id="portal-person-own").update(force="suspended")

    after = snapshot()

    assert (before is same, after is before) == (True, False)
    assert after.agreements["portal-person-own"].force == "suspended"


def test_a_code_list_is_shown_as_of_a_day() -> None:
    browser = Client()
    address = "/az/registry/codelists/economic-regions/"

    old = words(browser.get(address, {"on": "01.01.2020"}).content)
    bad = browser.get(address, {"on": "32.13.2020"})
    early = words(browser.get(address, {"on": "01.01.1900"}).content)

    assert "1-ci versiya, 10 kod" in old
    assert (bad.status_code, "Tarix düzgün yazılmayıb" in words(bad.content)) == (422, True)
    assert "O gün siyahı hələ yox idi" in early


def test_the_drawing_needs_no_script_and_says_who_asks_whom(asked: Callable[..., Any]) -> None:
    asked("idda/portal", "bpqmi/population/person")

    page = Client().get("/en/registry/graph/systems/idda/portal/").content.decode()

    assert page.count('<svg role="img"') == 1
    assert "Agreed and used" in page
    assert "style=" not in page


def test_a_stable_id_leads_to_the_page_of_its_thing() -> None:
    browser = Client()
    ways = {
        "system/bpqmi/population": "/az/registry/systems/bpqmi/population/",
        "dataset/bpqmi/population/person": "/az/registry/systems/bpqmi/population/",
        "dataset/codelist/sex": "/az/registry/codelists/sex/",
        "body/mdd": "/az/registry/bodies/mdd/",
        "catalogue/registry": "/az/registry/",
    }

    found = {way: browser.get(f"/registry/id/{way}") for way in ways}

    assert {way: (one.status_code, one["Location"]) for way, one in found.items()} == {
        way: (303, page) for way, page in ways.items()
    }
    assert browser.get("/registry/id/system/%00%20x").status_code == 404


def test_a_type_of_events_shows_its_schema_to_people_and_machines() -> None:
    system = System.objects.get(owner_id="bpqmi", code="population")
    newest = Description.objects.filter(system=system).order_by("-number")[0]
    content = json.loads(json.dumps(newest.content))
    schema = {"type": "object", "required": ["died"]}
    events = next(one for one in content["services"] if one["code"] == "events")
    events["schemas"] = {"person-died": schema}
    describe(system, content, why="founded", application="", person=None, at=NOW)
    browser = Client()

    page = browser.get("/en/registry/systems/bpqmi/population/").content.decode()
    services = browser.get("/api/registry/v1/services?per_page=500").json()["items"]

    assert "JSON Schema: person-died" in page
    assert "&#34;required&#34;" in page
    assert {one["id"]: one["event_schemas"] for one in services}["bpqmi/population/events"] == {
        "person-died": schema
    }
