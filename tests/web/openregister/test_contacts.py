"""What everybody reads of contacts: an office's, wherever the register is read."""

import gzip
from copy import deepcopy

import pytest
from django.test import Client
from tests.web.openregister.conftest import NOW

from pencere.web.classifiers.domain.reading import code_lists
from pencere.web.openregister.domain import bulk
from pencere.web.openregister.domain.snapshot import snapshot
from pencere.web.openregister.exports import dcat
from pencere.web.openregister.exports.names import addresses, serialize
from pencere.web.stateregister.domain.recording import describe
from pencere.web.stateregister.models import Description, System

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # rdflib's own
]
SYSTEM = "bpqmi/population"
PERSONAL = ("501234567", "50 123 45 67", "5ABCDE1", "gmail")


@pytest.fixture(autouse=True)
def contacts(founded: None) -> None:
    """Describe a system with contacts as nobody checked them once; then once more without."""
    system = System.objects.get(owner_id="bpqmi", code="population")
    last = Description.objects.get(system=system)
    said = deepcopy(last.content)
    said["contacts"] = [
        {"unit": "Əliyev Əli 5ABCDE1", "phone": "+994 50 123 45 67", "email": "ali@gmail.com"},
        {"unit": "Dəstək xidməti", "phone": "+994 12 555 00 00", "email": "help@office.example"},
        {"unit": "İT şöbəsi", "phone": "+994501234567", "email": ""},
    ]
    describe(system, said, why="", application="", person=None, at=NOW)
    describe(system, last.content, why="", application="", person=None, at=NOW)
    describe(system, said, why="", application="", person=None, at=NOW)


@pytest.mark.parametrize(
    "address",
    [
        f"/az/registry/systems/{SYSTEM}/", f"/en/registry/systems/{SYSTEM}/versions/2/",
        f"/api/registry/v1/systems/{SYSTEM}", f"/api/registry/v1/systems/{SYSTEM}/versions",
    ],
)  # fmt: skip
def test_a_page_and_an_answer_name_the_office_and_no_person(address: str) -> None:
    page = Client().get(address).content.decode()

    assert "help@office.example" in page
    assert "+994 12 555 00 00" in page
    assert [one for one in PERSONAL if one in page] == []


def test_files_and_linked_data_name_no_person() -> None:
    bulk.make(snapshot(), at=NOW)
    files = {one.kind: bytes(one.content) for one in bulk.newest() if one.format == "ndjson.gz"}
    graph = dcat.catalogue(snapshot(), code_lists(), bulk.newest(), addresses())

    said = [gzip.decompress(files["systems"]).decode(), serialize(graph, "ttl").decode()]

    assert ["help@office.example" in one for one in said] == [True, True]
    assert [one for one in PERSONAL for text in said if one in text] == []
