"""DCAT-AP 3: the register as a catalogue. A data object is a dataset, a service a data service.

What is agreed about access is RESTRICTED, never PUBLIC: only the register itself and the code
lists can be downloaded. From BRegDCAT-AP: the legal resource of a register, its competent body as
publisher, the body that runs it as creator.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rdflib import RDF, SKOS, XSD, BNode, Graph, Literal, URIRef
from rdflib.namespace import DCTERMS, FOAF

from pencere.kernel.datafile import Node
from pencere.kernel.text import Text
from pencere.web.classifiers.models import CodeList
from pencere.web.country import country
from pencere.web.openregister.domain.records import OpenService, OpenSystem, body_names
from pencere.web.openregister.domain.snapshot import Snapshot, said
from pencere.web.openregister.exports import names
from pencere.web.openregister.exports.names import (
    ADMS,
    AUTHORITY,
    DCAT,
    DCATAP,
    SPDX,
    VCARD,
    Addresses,
)
from pencere.web.openregister.models import Bulk
from pencere.web.stateregister.domain.exchange_data import ExchangeData, read_exchange
from pencere.web.stateregister.domain.vocabulary import vocabulary
from pencere.web.texts import texts

KEEPER = "mdd"
REGISTER_ACT = "informasiya-ehtiyatlari-reyestri"
_XROAD = "https://docs.x-road.global/Protocols/"
PROTOCOL = URIRef(f"{_XROAD}pr-rest_x-road_message_protocol_for_rest.html")
LICENCE = URIRef("https://creativecommons.org/licenses/by/4.0/")


def catalogue(
    of: Snapshot, lists: Sequence[CodeList], files: Iterable[Bulk], at: Addresses
) -> Graph:
    """Return the catalogue: systems that are not closed, their services, lists, bulk files."""
    graph, exchange = names.new_graph(), read_exchange(country())
    top = at.id("catalogue", "registry")
    graph.add((top, RDF.type, DCAT.Catalog))
    names.say(graph, top, DCTERMS.title, texts().text("registry.title"))
    names.say(graph, top, DCTERMS.description, texts().text("registry.lead"))
    graph.add((top, DCTERMS.publisher, names.body(graph, at, KEEPER)))
    graph.add((top, DCTERMS.modified, Literal(of.modified)))
    graph.add((top, DCTERMS.license, _licence(graph)))
    graph.add((top, FOAF.homepage, _document(graph, at.page("registry/"))))
    names.languages(graph, top)
    names.whole_country(graph, top)
    names.acts(graph, at, top, DCATAP.applicableLegislation, [REGISTER_ACT])
    taxonomy = AUTHORITY["data-theme"]
    graph.add((taxonomy, RDF.type, SKOS.ConceptScheme))
    themes = Text("Mövzular", "Data themes", "Темы")
    names.say(graph, taxonomy, DCTERMS.title, themes)
    graph.add((top, DCAT.themeTaxonomy, taxonomy))
    themes_of = _Themes(country().folder)
    for system in of.living:
        datasets = [_dataset(graph, at, system, thing, themes_of)
                    for thing in system.content.get("objects", ())]  # fmt: skip
        for dataset in datasets:
            graph.add((top, DCAT.dataset, dataset))
        for service in system.services:
            data_service = _service(graph, at, system, service, exchange)
            graph.add((top, DCAT.service, data_service))
            same = at.id("dataset", service.id)
            for dataset in [same] if same in datasets else datasets:
                graph.add((data_service, DCAT.servesDataset, dataset))
                _access(graph, dataset, data_service)
    graph.add((top, DCAT.dataset, _register(graph, at, of, files)))
    for one in lists:
        graph.add((top, DCAT.dataset, _code_list(graph, at, one)))
    return graph


class _Themes:
    """Which theme of the Publications Office a system's concepts say."""

    def __init__(self, folder: Path) -> None:
        top = Node.of_file(folder / "open_register.yaml").child("themes")
        self._default = top.string("default", "GOVE")
        self._of = {str(key): str(value) for key, value in top.child("concepts").values.items()}

    def of(self, concepts: Iterable[str]) -> list[str]:
        """Return themes, at least the default one."""
        return sorted({self._of[one] for one in concepts if one in self._of}) or [self._default]


def _dataset(
    graph: Graph, at: Addresses, system: OpenSystem, thing: dict[str, Any], themes: _Themes
) -> URIRef:
    name = at.id("dataset", f"{system.id}/{thing['code']}")
    graph.add((name, RDF.type, DCAT.Dataset))
    graph.add((name, DCTERMS.identifier, Literal(f"{system.id}/{thing['code']}")))
    names.say(graph, name, DCTERMS.title, said(thing.get("names", {}), thing["code"]))
    names.say(graph, name, DCTERMS.description, system.purpose)
    graph.add((name, DCAT.version, Literal(str(system.version))))
    _common(graph, at, name, system)
    landing = _document(graph, at.page(f"registry/systems/{system.id}/"))
    graph.add((name, DCAT.landingPage, landing))
    graph.add((name, DCTERMS.modified, Literal(system.published)))
    graph.add((name, DCTERMS.creator, names.body(graph, at, _operator(system))))
    names.languages(graph, name)
    names.whole_country(graph, name)
    kept = [one["concept"] for one in thing.get("fields", ()) if one.get("concept")]
    for theme in themes.of(kept):
        graph.add((name, DCAT.theme, names.concept(graph, AUTHORITY[f"data-theme/{theme}"])))
    concepts = vocabulary().concepts
    for key in dict.fromkeys(kept):
        if key in concepts:
            names.say(graph, name, DCAT.keyword, concepts[key].names)
            subject = names.concept(graph, at.id("concept", key), concepts[key].names)
            graph.add((name, DCTERMS.subject, subject))
    return name


def _operator(system: OpenSystem) -> str:
    return str(system.content.get("operator") or system.owner)


def _service(
    graph: Graph, at: Addresses, system: OpenSystem, service: OpenService, exchange: ExchangeData
) -> URIRef:
    name = at.id("service", service.id)
    path = service.gateway_path(exchange.instance, exchange.member_class)
    above = path.rpartition("/")[0]
    graph.add((name, RDF.type, DCAT.DataService))
    graph.add((name, DCTERMS.identifier, Literal(service.id)))
    names.say(graph, name, DCTERMS.title, service.names)
    names.say(graph, name, DCTERMS.description, system.purpose)
    graph.add((name, DCAT.endpointURL, URIRef(f"{at.gateway}{path}")))
    if service.openapi_sha256:
        graph.add((name, DCAT.endpointDescription, at.api(f"services/{service.id}/openapi")))
    elif not service.events:
        about = f"{at.gateway}{above}/getOpenAPI?serviceCode={service.code}"
        graph.add((name, DCAT.endpointDescription, URIRef(about)))
    graph.add((PROTOCOL, RDF.type, DCTERMS.Standard))
    graph.add((name, DCTERMS.conformsTo, PROTOCOL))
    landing = _document(graph, at.page(f"registry/systems/{system.id}/"))
    graph.add((name, DCAT.landingPage, landing))
    _common(graph, at, name, system)
    return name


def _common(graph: Graph, at: Addresses, name: URIRef, system: OpenSystem) -> None:
    """State publisher, contact, access rights and law, which a dataset and a service have alike."""
    graph.add((name, DCTERMS.publisher, names.body(graph, at, system.owner)))
    graph.add((name, DCTERMS.accessRights, _rights(graph, "RESTRICTED")))
    names.acts(graph, at, name, DCATAP.applicableLegislation, sorted(system.acts))
    for number, contact in enumerate(system.content.get("contacts", ())):
        node = at.id("contact", f"{system.id}/{number + 1}")
        graph.add((node, RDF.type, VCARD.Kind))
        graph.add((node, RDF.type, VCARD.Organization))
        unit = contact.get("unit") or body_names(system.owner).az
        graph.add((node, VCARD.fn, Literal(unit)))
        if contact.get("email"):
            graph.add((node, VCARD.hasEmail, URIRef(f"mailto:{_plain(contact['email'])}")))
        if contact.get("phone"):
            graph.add((node, VCARD.hasTelephone, URIRef(f"tel:{_plain(contact['phone'])}")))
        graph.add((name, DCAT.contactPoint, node))


def _plain(value: str) -> str:
    """Return a value as an address holds it: what no address may hold is left out."""
    return "".join(one for one in value if one.isascii() and (one.isalnum() or one in "@.+-_"))


def _access(graph: Graph, dataset: URIRef, service: URIRef) -> None:
    """State that a dataset is reached through a service."""
    way = URIRef(f"{dataset}#{str(service).rpartition('/')[2]}")
    graph.add((dataset, DCAT.distribution, way))
    graph.add((way, RDF.type, DCAT.Distribution))
    address = graph.value(service, DCAT.endpointURL)
    if address is not None:
        graph.add((way, DCAT.accessURL, address))
    graph.add((way, DCAT.accessService, service))
    graph.add((way, DCTERMS.license, _licence(graph)))


def _register(graph: Graph, at: Addresses, of: Snapshot, files: Iterable[Bulk]) -> URIRef:
    """State the open register itself: a dataset that everybody may take away."""
    name = at.id("dataset", "registry")
    graph.add((name, RDF.type, DCAT.Dataset))
    graph.add((name, DCTERMS.identifier, Literal("registry")))
    names.say(graph, name, DCTERMS.title, texts().text("registry.title"))
    names.say(graph, name, DCTERMS.description, texts().text("registry.lead"))
    graph.add((name, DCTERMS.publisher, names.body(graph, at, KEEPER)))
    graph.add((name, DCTERMS.accessRights, _rights(graph, "PUBLIC")))
    graph.add((name, DCTERMS.modified, Literal(of.modified)))
    graph.add((name, DCAT.theme, names.concept(graph, AUTHORITY["data-theme/GOVE"])))
    names.acts(graph, at, name, DCATAP.applicableLegislation, [REGISTER_ACT])
    frequency = AUTHORITY["frequency/DAILY"]
    graph.add((frequency, RDF.type, DCTERMS.Frequency))
    graph.add((name, DCTERMS.accrualPeriodicity, frequency))
    api = at.id("distribution", "api")
    graph.add((api, DCAT.accessURL, at.api("openapi.json")))
    _distribution(graph, name, api, "application/json", texts().text("registry.data.api"))
    for file in files:
        one = at.id("distribution", f"{file.kind}.{file.format}")
        address = at.api(f"bulk/{file.kind}.{file.format}")
        graph.add((one, DCAT.accessURL, address))
        graph.add((one, DCAT.downloadURL, address))
        graph.add((one, DCTERMS.issued, Literal(file.made_at)))
        size = Literal(len(bytes(file.content)), datatype=XSD.nonNegativeInteger)
        graph.add((one, DCAT.byteSize, size))
        checksum = BNode()
        graph.add((checksum, RDF.type, SPDX.Checksum))
        graph.add((checksum, SPDX.algorithm, SPDX.checksumAlgorithm_sha256))
        value = Literal(bytes(file.sha256).hex(), datatype=XSD.hexBinary)
        graph.add((checksum, SPDX.checksumValue, value))
        graph.add((one, SPDX.checksum, checksum))
        media = file.media_type.partition(";")[0]
        what = Text(*(f"{file.kind}.{file.format}",) * 3)
        _distribution(graph, name, one, media, what)
    return name


def _code_list(graph: Graph, at: Addresses, of: CodeList) -> URIRef:
    name = at.id("dataset", f"codelist/{of.id}")
    graph.add((name, RDF.type, DCAT.Dataset))
    graph.add((name, DCTERMS.identifier, Literal(f"codelist/{of.id}")))
    names.say(graph, name, DCTERMS.title, Text.from_mapping(of.names))
    names.say(graph, name, DCTERMS.description, Text.from_mapping(of.about))
    graph.add((name, DCTERMS.publisher, names.body(graph, at, of.owner)))
    graph.add((name, DCTERMS.accessRights, _rights(graph, "PUBLIC")))
    graph.add((name, DCTERMS.type, names.concept(graph, AUTHORITY["dataset-type/CODE_LIST"])))
    graph.add((name, DCAT.theme, names.concept(graph, AUTHORITY["data-theme/GOVE"])))
    newest = max((one.number for one in of.versions.all()), default=0)
    graph.add((name, DCAT.version, Literal(str(newest))))
    landing = _document(graph, at.page(f"registry/codelists/{of.id}/"))
    graph.add((name, DCAT.landingPage, landing))
    for form, media in (("csv", "text/csv"), ("json", "application/json"), ("ttl", "text/turtle")):
        address = at.api(f"codelists/{of.id}.{form}")
        one = at.id("distribution", f"codelist/{of.id}.{form}")
        graph.add((one, DCAT.accessURL, address))
        graph.add((one, DCAT.downloadURL, address))
        _distribution(graph, name, one, media, Text.from_mapping(of.names))
    return name


def _distribution(graph: Graph, of: URIRef, name: URIRef, media: str, title: Text) -> None:
    graph.add((name, RDF.type, DCAT.Distribution))
    names.say(graph, name, DCTERMS.title, title)
    kind = URIRef(f"http://www.iana.org/assignments/media-types/{media}")
    graph.add((kind, RDF.type, DCTERMS.MediaType))
    graph.add((name, DCAT.mediaType, kind))
    graph.add((name, DCTERMS.license, _licence(graph)))
    status = names.concept(graph, AUTHORITY["distribution-status/COMPLETED"])
    graph.add((name, ADMS.status, status))
    graph.add((of, DCAT.distribution, name))


def _licence(graph: Graph) -> URIRef:
    graph.add((LICENCE, RDF.type, DCTERMS.LicenseDocument))
    return LICENCE


def _rights(graph: Graph, code: str) -> URIRef:
    name = AUTHORITY[f"access-right/{code}"]
    graph.add((name, RDF.type, DCTERMS.RightsStatement))
    return name


def _document(graph: Graph, address: URIRef) -> URIRef:
    graph.add((address, RDF.type, FOAF.Document))
    return address
