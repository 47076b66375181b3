"""The public API: every answer is as the published OpenAPI document says."""

import csv
import gzip
import hashlib
import io
import json
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from jsonschema import Draft202012Validator, FormatChecker
from tests.web.openregister.conftest import NOW

from pencere.web.openregister.domain import bulk
from pencere.web.openregister.domain.snapshot import snapshot
from pencere.web.openregister.interfaces import portal_urls
from pencere.web.openregister.interfaces.api import answering
from pencere.web.openregister.interfaces.api.register import openapi_document
from pencere.web.people.domain import limits

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("founded")]
BASE = "/api/registry/v1"

ANSWERS = {
    "/openapi.json": "/openapi.json",
    "/systems": "/systems?q=reyestr&per_page=3",
    "/systems/{body}/{code}": "/systems/bpqmi/population",
    "/systems/{body}/{code}/versions": "/systems/bpqmi/population/versions",
    "/systems/{body}/{code}/versions/{number}/services/{service}/openapi": (
        "/systems/bpqmi/population/versions/1/services/person/openapi"
    ),
    "/services": "/services?per_page=500",
    "/services/{body}/{system}/{code}/openapi": "/services/bpqmi/population/person/openapi",
    "/agreements": "/agreements?per_page=500",
    "/agreements/{key}": "/agreements/portal-person-own",
    "/uses": "/uses?per_page=500",
    "/statistics.json": "/statistics.json",
    "/codelists": "/codelists",
    "/codelists/{key}": "/codelists/economic-regions?on=2020-01-01",
    "/codelists/{key}.{form}": "/codelists/sex.json",
    "/codelists/{key}/versions/{number}": "/codelists/sex/versions/1",
    "/codelists/{key}/versions/{number}/changes": "/codelists/economic-regions/versions/2/changes",
    "/bulk": "/bulk",
}


def check(instance: object, schema: dict[str, Any]) -> None:
    """Validate by a schema of the document, whose references lead into the document."""
    whole = {**schema, "components": openapi_document()["components"]}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(instance)


def test_every_json_answer_is_as_the_document_says(asked: Any) -> None:
    asked("idda/portal", "bpqmi/population/person")
    asked("x/stranger", "bpqmi/population/person", outcome="fault")
    bulk.make(snapshot(), at=NOW)
    browser = Client()
    for path, address in ANSWERS.items():
        answer = browser.get(BASE + address)
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json"), address
        operation = openapi_document()["paths"][path]["get"]
        said = operation["responses"]["200"]
        if "$ref" in said:
            said = openapi_document()["components"]["responses"][said["$ref"].rpartition("/")[2]]
        check(answer.json(), said["content"]["application/json"]["schema"])


def test_the_document_names_every_address_of_the_api_and_no_other() -> None:
    said = set(openapi_document()["paths"])

    assert set(ANSWERS) | {
        "/statistics.csv", "/bulk/{kind}.{form}", "/export/{what}.{form}"
    } == said  # fmt: skip
    routes = [one for one in portal_urls.plain_urlpatterns if one.name != "registry_stable"]
    # One route gives both files of figures.
    assert len(routes) == len(said) - 1


def test_the_document_of_a_service_is_the_one_that_the_register_keeps() -> None:
    browser = Client()
    services = browser.get(f"{BASE}/services?per_page=500").json()["items"]
    said = {one["id"]: one for one in services}
    person = said["bpqmi/population/person"]

    answer = browser.get(urlsplit(person["openapi_address"]).path)

    assert sha256(answer.content).hexdigest() == person["openapi_sha256"]
    assert answer.json()["info"]["title"] == "Population register: persons"
    assert "attachment" in answer["Content-Disposition"]
    events = said["bpqmi/population/events"]
    assert (events["openapi_path"], events["openapi_address"]) == (None, None)


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/services/bpqmi/population/events/openapi", 404, "stateregister.no_document"),
        ("/services/nobody/nothing/none/openapi", 404, "stateregister.no_document"),
        ("/systems/x/y", 404, "stateregister.no_system"),
        ("/agreements/nothing", 404, "stateregister.no_agreement"),
        ("/systems?page=0", 400, "open_data.page"),
        ("/systems?per_page=501", 400, "open_data.page"),
        ("/systems?page=1e9", 400, "open_data.page"),
        ("/codelists/sex?on=yesterday", 400, "date.invalid"),
        ("/codelists/sex?on=1900-01-01", 404, "code_list.not_yet"),
        ("/codelists/sex.xls", 404, "open_data.no_file"),
        ("/codelists/sex/versions/1/changes?since=x", 404, "code_list.no_version"),
        ("/bulk/persons.csv", 404, "open_data.no_file"),
        ("/export/dcat.exe", 404, "open_data.no_file"),
    ],
)
def test_a_wrong_question_is_told_what_is_wrong(address: str, status: int, code: str) -> None:
    answer = Client().get(BASE + address)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    check(answer.json(), {"$ref": "#/components/schemas/Error"})


def test_pages_follow_one_another_and_hold_everything_once() -> None:
    browser, address, seen = Client(), f"{BASE}/agreements?per_page=7", []
    while address:
        page = browser.get(address).json()
        seen += [one["id"] for one in page["items"]]
        address = page["next"]

    assert seen == list(snapshot().agreements)
    assert page["total"] == len(seen)


def test_a_reader_who_has_the_answer_is_told_so() -> None:
    browser, address = Client(), f"{BASE}/systems"
    first = browser.get(address)

    by_tag = browser.get(address, headers={"If-None-Match": f'"x", {first["ETag"]}'})
    by_day = browser.get(address, headers={"If-Modified-Since": first["Last-Modified"]})
    other = browser.get(address, headers={"If-None-Match": '"other"',
                                          "If-Modified-Since": first["Last-Modified"]})  # fmt: skip

    assert [one.status_code for one in (by_tag, by_day, other)] == [304, 304, 200]
    assert by_tag.content == b""
    assert first["Access-Control-Allow-Origin"] == "*"


def test_too_many_questions_from_one_address_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    few = limits.Limit("open data from", most=2, window=timedelta(minutes=10))
    monkeypatch.setattr(answering, "PER_ADDRESS", few)
    browser = Client()

    answers = [browser.get(f"{BASE}/services") for _ in range(3)]

    assert [one.status_code for one in answers] == [200, 200, 429]
    assert int(answers[2]["Retry-After"]) >= 60
    assert answers[2].json()["code"] == "limit.reached"


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_nothing_can_be_written(method: str) -> None:
    assert getattr(Client(), method)(f"{BASE}/systems").status_code == 405


def test_bulk_files_hold_everything_and_say_their_digest() -> None:
    made, again = bulk.make(snapshot(), at=NOW), bulk.make(snapshot(), at=NOW)
    browser = Client()

    listed = {
        (one["kind"], one["format"]): one for one in browser.get(f"{BASE}/bulk").json()["items"]
    }
    packed = browser.get(f"{BASE}/bulk/systems.ndjson.gz")
    table = browser.get(f"{BASE}/bulk/agreements.csv")

    assert (made, again, len(listed)) == (4, 0, 4)
    rows = [json.loads(line) for line in gzip.decompress(packed.content).splitlines()]
    assert [row["id"] for row in rows] == list(snapshot().systems)
    assert all("security_class" not in row and "location" not in row for row in rows)
    digest = hashlib.sha256(packed.content)
    assert listed["systems", "ndjson.gz"]["sha256"] == digest.hexdigest()
    assert packed["Content-Digest"] == f"sha-256=:{bulk.encoded(digest.digest())}:"
    agreements = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert [row["id"] for row in agreements] == list(snapshot().agreements)


@pytest.mark.parametrize("what", ["dcat", "cpsv"])
@pytest.mark.parametrize("form", ["ttl", "jsonld", "rdf"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_linked_data_is_there_in_three_forms(what: str, form: str) -> None:
    answer = Client().get(f"{BASE}/export/{what}.{form}")

    assert answer.status_code == 200
    assert answer["Content-Disposition"] == f'attachment; filename="{what}.{form}"'
    assert len(answer.content) > 10_000


def test_figures_as_a_table_are_those_of_the_json(asked: Any) -> None:
    asked("idda/portal", "bpqmi/population/person", count=7)
    browser = Client()

    whole = browser.get(f"{BASE}/statistics.json").json()
    text = browser.get(f"{BASE}/statistics.csv").content.decode("utf-8-sig")

    rows = {
        (row["figure"], row["of"]): int(row["number"]) for row in csv.DictReader(io.StringIO(text))
    }
    assert rows["systems", ""] == whole["systems"]
    assert rows["exchanges_answered", "2026-11-22"] == 7
    assert settings.CLOCK.now() == NOW
