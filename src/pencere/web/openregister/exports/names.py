"""Vocabularies, addresses of what is described, and statements that every export makes."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from rdflib import RDF, SKOS, XSD, BNode, Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCTERMS, FOAF, PROV

from pencere.kernel.text import LANGUAGES, Text
from pencere.web.country import country
from pencere.web.openregister.domain.records import act_names, body_names

ADMS = Namespace("http://www.w3.org/ns/adms#")
# Of DCAT 3, which has terms that the one of rdflib does not know.
DCAT = Namespace("http://www.w3.org/ns/dcat#")
CPSV = Namespace("http://purl.org/vocab/cpsv#")
CV = Namespace("http://data.europa.eu/m8g/")
DCATAP = Namespace("http://data.europa.eu/r5r/")
ELI = Namespace("http://data.europa.eu/eli/ontology#")
ORG = Namespace("http://www.w3.org/ns/org#")
SPDX = Namespace("http://spdx.org/rdf/terms#")
VCARD = Namespace("http://www.w3.org/2006/vcard/ns#")
AUTHORITY = Namespace("http://publications.europa.eu/resource/authority/")

PREFIXES = {
    "adms": ADMS, "cpsv": CPSV, "cv": CV, "dcat": DCAT, "dcatap": DCATAP, "dct": DCTERMS,
    "eli": ELI, "foaf": FOAF, "org": ORG, "prov": PROV, "skos": SKOS, "spdx": SPDX,
    "vcard": VCARD, "xsd": XSD,
}  # fmt: skip

LANGUAGE_CODES = {"az": "AZE", "en": "ENG", "ru": "RUS"}
COUNTRY_CODE = "AZE"
FORMATS = {
    "ttl": ("turtle", "text/turtle; charset=utf-8"),
    "jsonld": ("json-ld", "application/ld+json"),
    "rdf": ("pretty-xml", "application/rdf+xml"),
}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where things are: `portal` of pages, `gateway` of services."""

    portal: str
    gateway: str

    def page(self, path: str) -> URIRef:
        """Return a page of the portal in the state language."""
        return URIRef(f"{self.portal}/az/{path}")

    def api(self, path: str) -> URIRef:
        """Return an address of the API."""
        return URIRef(f"{self.portal}/api/registry/v1/{path}")

    def id(self, kind: str, key: str) -> URIRef:
        """Return the stable name of a thing; it leads to its page."""
        return URIRef(f"{self.portal}/registry/id/{kind}/{key}")


def addresses() -> Addresses:
    """Return where this installation is."""
    at = settings.INSTALLATION
    return Addresses(at.address("portal"), at.address("gateway-portal"))


def new_graph() -> Graph:
    """Return an empty graph with the prefixes."""
    graph = Graph()
    for prefix, space in PREFIXES.items():
        graph.bind(prefix, space, override=True)
    return graph


def serialize(graph: Graph, format_: str) -> bytes:
    """Return a graph as `ttl`, `jsonld` or `rdf`."""
    form, _media_type = FORMATS[format_]
    if form == "json-ld":
        context = {prefix: str(space) for prefix, space in PREFIXES.items()}
        return graph.serialize(format=form, context=context, encoding="utf-8")
    return graph.serialize(format=form, encoding="utf-8")


def say(graph: Graph, of: URIRef | BNode, property_: URIRef, text: Text) -> None:
    """State a text in every language."""
    for language in LANGUAGES:
        graph.add((of, property_, Literal(text.in_language(language), lang=language)))


def concept(graph: Graph, name: URIRef, text: Text | None = None) -> URIRef:
    """State that something is a concept, with its label: an export stands on its own."""
    if (name, RDF.type, SKOS.Concept) not in graph:
        graph.add((name, RDF.type, SKOS.Concept))
        last = str(name).rpartition("/")[2]
        say(graph, name, SKOS.prefLabel, text or Text(last, last, last))
    return name


def languages(graph: Graph, of: URIRef) -> None:
    """State the three languages."""
    for code in LANGUAGE_CODES.values():
        language = AUTHORITY[f"language/{code}"]
        graph.add((language, RDF.type, DCTERMS.LinguisticSystem))
        graph.add((of, DCTERMS.language, language))


def whole_country(graph: Graph, of: URIRef) -> None:
    """State that it is about the whole country."""
    place = AUTHORITY[f"country/{COUNTRY_CODE}"]
    graph.add((place, RDF.type, DCTERMS.Location))
    graph.add((of, DCTERMS.spatial, place))


def body(graph: Graph, at: Addresses, key: str) -> URIRef:
    """State a body: an agent of DCAT-AP and a public organisation of CPSV-AP."""
    name = at.id("body", key)
    if (name, RDF.type, FOAF.Agent) in graph:
        return name
    names = body_names(key)
    for kind in (FOAF.Agent, CV.PublicOrganisation, ORG.Organization):
        graph.add((name, RDF.type, kind))
    graph.add((name, DCTERMS.identifier, Literal(key)))
    for property_ in (FOAF.name, DCTERMS.title, SKOS.prefLabel):
        say(graph, name, property_, names)
    whole_country(graph, name)
    known = country().bodies.get(key)
    if known is not None and known.site:
        site = known.site if "://" in known.site else f"https://{known.site}"
        graph.add((URIRef(site), RDF.type, FOAF.Document))
        graph.add((name, FOAF.homepage, URIRef(site)))
    return name


def acts(graph: Graph, at: Addresses, of: URIRef, property_: URIRef, keys: Iterable[str]) -> None:
    """State the legal acts on which something rests, as ELI legal resources."""
    for key in keys:
        name = at.id("act", key)
        graph.add((of, property_, name))
        if (name, RDF.type, ELI.LegalResource) in graph:
            continue
        graph.add((name, RDF.type, ELI.LegalResource))
        say(graph, name, ELI.title, act_names(key))
        say(graph, name, DCTERMS.title, act_names(key))
        known = country().acts.get(key)
        if known is not None:
            graph.add((name, ELI.id_local, Literal(known.number)))
            graph.add((name, ELI.date_document, Literal(known.adopted)))
