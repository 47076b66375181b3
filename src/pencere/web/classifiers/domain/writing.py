"""A version as a file: CSV, JSON, SKOS."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from rdflib import RDF, SKOS, XSD, Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCTERMS, OWL

from pencere.kernel.text import LANGUAGES
from pencere.web.classifiers.domain.data import Code
from pencere.web.classifiers.models import Version

COLUMNS = ("code", "parent", "az", "en", "ru", "valid_from", "valid_until")
SCHEMA = Namespace("http://schema.org/")


def as_csv(version: Version, codes: Sequence[Code], address: str) -> bytes:
    """Return comma-separated UTF-8 with a byte order mark, so that spreadsheets read the letters.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    del version, address
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for code in codes:
        said = code.as_json()
        names = said.pop("names")
        writer.writerow([guarded(str((said | names).get(one) or "")) for one in COLUMNS])
    return ("\ufeff" + out.getvalue()).encode()


def guarded(cell: str) -> str:
    """Return a cell that no spreadsheet runs."""
    return f"'{cell}" if cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell


def as_json(version: Version, codes: Sequence[Code], address: str) -> bytes:
    """Return the version with its list; the shape is `CodeListVersion` of the OpenAPI document."""
    return json.dumps(document(version, codes, address), ensure_ascii=False, indent=1).encode()


def document(version: Version, codes: Sequence[Code], address: str) -> dict[str, object]:
    """Return what the JSON says."""
    of = version.code_list
    return {
        "id": of.id,
        "address": address,
        "names": of.names,
        "about": of.about,
        "owner": of.owner,
        "source": of.source,
        "licence": of.licence,
        "verified": of.is_verified,
        "version": version.number,
        "valid_from": version.valid_from.isoformat(),
        "note": version.note,
        "published": version.published_at.isoformat(),
        "sha256": bytes(version.content_sha256).hex(),
        "entries": [code.as_json() for code in codes],
    }


def as_skos(version: Version, codes: Sequence[Code], address: str) -> bytes:
    """Return the version as a SKOS concept scheme in Turtle; `address` names the list."""
    graph = Graph()
    for prefix, space in (("skos", SKOS), ("dcterms", DCTERMS), ("schema", SCHEMA)):
        graph.bind(prefix, space)
    of, scheme = version.code_list, URIRef(address)
    graph.add((scheme, RDF.type, SKOS.ConceptScheme))
    for language in LANGUAGES:
        graph.add((scheme, SKOS.prefLabel, Literal(of.names[language], lang=language)))
        graph.add((scheme, DCTERMS.title, Literal(of.names[language], lang=language)))
        graph.add((scheme, DCTERMS.description, Literal(of.about[language], lang=language)))
    graph.add((scheme, DCTERMS.source, Literal(of.source)))
    graph.add((scheme, DCTERMS.rights, Literal(of.licence)))
    graph.add((scheme, OWL.versionInfo, Literal(str(version.number))))
    graph.add((scheme, DCTERMS.issued, Literal(version.valid_from)))
    for code in codes:
        concept = URIRef(f"{address}#{code.code}")
        graph.add((concept, RDF.type, SKOS.Concept))
        graph.add((concept, SKOS.inScheme, scheme))
        graph.add((concept, SKOS.notation, Literal(code.code)))
        for language in LANGUAGES:
            said = Literal(code.names.in_language(language), lang=language)
            graph.add((concept, SKOS.prefLabel, said))
        if code.parent:
            graph.add((concept, SKOS.broader, URIRef(f"{address}#{code.parent}")))
        else:
            graph.add((concept, SKOS.topConceptOf, scheme))
            graph.add((scheme, SKOS.hasTopConcept, concept))
        for day, property_ in (
            (code.valid_from, SCHEMA.validFrom),
            (code.valid_until, SCHEMA.validThrough),
        ):
            if day is not None:
                graph.add((concept, property_, Literal(day, datatype=XSD.date)))
    return graph.serialize(format="turtle", encoding="utf-8")


Writer = Callable[[Version, Sequence[Code], str], bytes]
FORMATS: Mapping[str, tuple[str, Writer]] = MappingProxyType(
    {
        "csv": ("text/csv; charset=utf-8", as_csv),
        "json": ("application/json", as_json),
        "ttl": ("text/turtle; charset=utf-8", as_skos),
    }
)
