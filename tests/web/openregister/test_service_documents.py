"""The OpenAPI document of a service as everybody sees it: on the page, by version, as a file."""

from copy import deepcopy

import pytest
from django.test import Client
from tests.web.openregister.conftest import NOW
from tests.web.openregister.test_pages import words

from pencere.web.openregister.domain.snapshot import snapshot
from pencere.web.openregister.exports import dcat
from pencere.web.openregister.exports.names import DCAT, addresses
from pencere.web.stateregister.domain.accord_document import keep
from pencere.web.stateregister.domain.recording import describe
from pencere.web.stateregister.models import Description, System

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("founded")]
PAGE = "/en/registry/systems/bpqmi/population/"
API = "/api/registry/v1"
NEWER = b"""\
openapi: 3.0.3
info: {title: "People <script>alert(1)</script>", version: "2.4"}
paths:
  /people/{id}: {get: {summary: "One person, <b>by id</b>"}}
"""


def hand_in(content: bytes) -> None:
    """Give the service `person` of the population register a newer document."""
    system = System.objects.get(owner_id="bpqmi", code="population")
    last = Description.objects.get(system=system)
    said = deepcopy(last.content)
    digest = keep(content, "application/yaml", by=None, at=NOW).hex()
    for one in said["services"]:
        if one["code"] == "person":
            one["openapi_sha256"] = digest
    describe(system, said, why="", application="", person=None, at=NOW)


def test_the_page_says_title_version_and_operations_without_a_script() -> None:
    hand_in(NEWER)

    page = Client().get(PAGE).content

    assert "People <script>alert(1)</script>, version 2.4" in words(page)
    assert "GET /people/{id} One person, <b>by id</b>" in words(page)
    assert b"<script>alert" not in page
    assert b"<b>by id" not in page


def test_each_version_leads_to_the_document_it_was_described_with() -> None:
    before = Client().get(f"{API}/services/bpqmi/population/person/openapi")
    hand_in(NEWER)
    files = {
        number: f"{API}/systems/bpqmi/population/versions/{number}/services/person/openapi"
        for number in (1, 2)
    }

    pages = {1: Client().get(f"{PAGE}versions/1/"), 2: Client().get(PAGE)}
    found = {number: Client().get(address) for number, address in files.items()}

    assert [files[number] in pages[number].content.decode() for number in (1, 2)] == [True, True]
    assert (found[1].content, found[1]["Content-Type"]) == (before.content, "application/json")
    assert (found[2].content, found[2]["Content-Type"]) == (NEWER, "application/yaml")
    assert found[2]["Content-Disposition"] == (
        'attachment; filename="bpqmi-population-person-2.yaml"'
    )


@pytest.mark.parametrize(
    "place",
    ["bpqmi/population/versions/1/services/events", "bpqmi/population/versions/1/services/none",
     "bpqmi/population/versions/9/services/person", "x/y/versions/1/services/person",
     "bpqmi/population/versions/99999999999/services/person"],
)  # fmt: skip
def test_a_version_or_a_service_without_a_document_is_missing(place: str) -> None:
    assert Client().get(f"{API}/systems/{place}/openapi").status_code == 404


def test_a_document_kept_before_the_check_was_strict_is_given_but_not_read_out() -> None:
    hand_in(b"openapi: 3.0.3\npaths: &a {}\nx: *a\n")

    page = Client().get(PAGE)
    file = Client().get(f"{API}/services/bpqmi/population/person/openapi")

    assert (page.status_code, file.status_code) == (200, 200)
    assert "POST /query" in words(page.content)


def test_linked_data_leads_to_the_document() -> None:
    hand_in(NEWER)
    at = addresses()

    graph = dcat.catalogue(snapshot(), [], [], at)

    name = at.id("service", "bpqmi/population/person")
    place = graph.value(name, DCAT.endpointDescription)
    assert place == at.api("services/bpqmi/population/person/openapi")
