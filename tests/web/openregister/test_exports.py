"""DCAT-AP and CPSV-AP: what they say, that every form says the same, that the shapes pass."""

from collections.abc import Callable
from pathlib import Path

import pyshacl
import pytest
from rdflib import RDF, Graph, URIRef
from rdflib.compare import isomorphic
from tests.web.openregister.conftest import NOW

from pencere.web.catalogue.domain.services import catalogue
from pencere.web.classifiers.domain.reading import code_lists
from pencere.web.openregister.domain import bulk
from pencere.web.openregister.domain.snapshot import snapshot
from pencere.web.openregister.exports import cpsv, dcat
from pencere.web.openregister.exports.names import CPSV, DCAT, addresses, serialize

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("founded"),
    # rdflib and pyshacl use what rdflib itself announces to remove.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def systems() -> Graph:
    bulk.make(snapshot(), at=NOW)
    return dcat.catalogue(snapshot(), code_lists(), bulk.newest(), addresses())


def services() -> Graph:
    return cpsv.services(catalogue(), addresses())


@pytest.mark.parametrize("make", [systems, services])
def test_every_form_says_the_same(make: Callable[[], Graph]) -> None:
    whole = make()
    forms = {"ttl": "turtle", "jsonld": "json-ld", "rdf": "xml"}

    read = {
        name: Graph().parse(data=serialize(whole, name), format=form)
        for name, form in forms.items()
    }

    assert {name: len(one) for name, one in read.items()} == dict.fromkeys(forms, len(whole))
    assert isomorphic(read["ttl"], read["rdf"])


def test_a_service_of_the_gateway_has_its_address_and_its_description() -> None:
    graph, at = systems(), addresses()
    name = at.id("service", "bpqmi/population/person")
    path = f"{at.gateway}/r1/AZ/GOV/bpqmi/population"

    assert (name, RDF.type, DCAT.DataService) in graph
    assert graph.value(name, DCAT.endpointURL) == URIRef(f"{path}/person")
    assert graph.value(name, DCAT.endpointDescription) == at.api(
        "services/bpqmi/population/person/openapi"
    )
    events = at.id("service", "bpqmi/population/events")
    assert graph.value(events, DCAT.endpointDescription) is None
    assert graph.value(name, DCAT.servesDataset) == at.id("dataset", "bpqmi/population/person")


def test_every_service_of_the_catalogue_is_a_public_service() -> None:
    graph = services()

    assert len(set(graph.subjects(RDF.type, CPSV.PublicService))) == len(catalogue().all)


@pytest.mark.parametrize("file", ["dcat-ap-3.0.1_shapes.ttl", "dcat-ap-3.0.1_range.ttl"])
def test_the_catalogue_of_systems_passes_its_shapes(
    file: str, shapes: Callable[[str], Path]
) -> None:
    conforms, _graph, said = pyshacl.validate(
        systems(), shacl_graph=str(shapes(file)), shacl_graph_format="turtle"
    )

    assert conforms, said[:4000]


def test_the_catalogue_of_services_passes_its_shapes(shapes: Callable[[str], Path]) -> None:
    conforms, _graph, said = pyshacl.validate(
        services(), shacl_graph=str(shapes("cpsv-ap-3.2.0_SHACL.ttl")), shacl_graph_format="turtle"
    )

    assert conforms, said[:4000]


def test_a_broken_export_does_not_pass(shapes: Callable[[str], Path]) -> None:
    graph = systems()
    name = addresses().id("service", "bpqmi/population/person")
    graph.remove((name, DCAT.endpointURL, None))

    conforms, _graph, _said = pyshacl.validate(
        graph, shacl_graph=str(shapes("dcat-ap-3.0.1_shapes.ttl")), shacl_graph_format="turtle"
    )

    assert conforms is False
