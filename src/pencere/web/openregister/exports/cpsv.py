"""CPSV-AP 3.2: the state's services from the catalogue, executable ones and information pages."""

from collections.abc import Mapping

from rdflib import RDF, XSD, Graph, Literal, URIRef
from rdflib.namespace import DCTERMS

from pencere.kernel.text import LANGUAGES, Text
from pencere.services.catalogue import Catalogue, Entry, LifeEvent
from pencere.services.model.common import Basis, TermUnit
from pencere.services.model.definition import Term
from pencere.web.openregister.domain.records import act_names
from pencere.web.openregister.exports import names
from pencere.web.openregister.exports.names import ADMS, AUTHORITY, CPSV, CV, DCAT, ELI, Addresses
from pencere.web.texts import texts

CURRENCY = AUTHORITY["currency/AZN"]
# Working days are days of the calendar at least; ISO 8601 knows no others.
UNITS = {TermUnit.WORKING_DAYS: "D", TermUnit.DAYS: "D", TermUnit.MONTHS: "M"}


def services(of: Catalogue, at: Addresses) -> Graph:
    """Return every service of the catalogue."""
    graph = names.new_graph()
    events = {one.id: _event(graph, at, one) for one in of.life_events}
    for entry in of.all:
        _service(graph, at, entry, of, events)
    return graph


def _service(
    graph: Graph, at: Addresses, entry: Entry, of: Catalogue, events: Mapping[str, URIRef]
) -> None:
    name = at.id("public-service", entry.id)
    graph.add((name, RDF.type, CPSV.PublicService))
    graph.add((name, DCTERMS.identifier, Literal(entry.id)))
    names.say(graph, name, DCTERMS.title, entry.names)
    names.say(graph, name, DCTERMS.description, entry.summary)
    graph.add((name, CV.hasCompetentAuthority, names.body(graph, at, entry.authority)))
    graph.add((name, DCAT.landingPage, at.page(f"services/{entry.id}/")))
    names.languages(graph, name)
    names.whole_country(graph, name)
    status = names.concept(graph, URIRef("http://purl.org/adms/status/Completed"))
    graph.add((name, ADMS.status, status))
    for language in LANGUAGES:
        for word in entry.keywords[language]:
            graph.add((name, DCAT.keyword, Literal(word, lang=language)))
    for code in entry.audience:
        label = _words("service.audience", code)
        audience = names.concept(graph, at.id("audience", code), label)
        graph.add((name, DCTERMS.audience, audience))
    for code in entry.channels:
        graph.add((name, CV.hasChannel, _channel(graph, at, code)))
    for key in entry.life_events:
        graph.add((name, CV.isGroupedBy, events[key]))
    _costs(graph, at, name, entry)
    _law(graph, at, name, entry, of)
    _needs(graph, at, name, entry)
    if entry.result is not None:
        output = at.id("output", entry.id)
        graph.add((output, RDF.type, CV.Output))
        graph.add((output, DCTERMS.identifier, Literal(f"{entry.id}/result")))
        names.say(graph, output, DCTERMS.title, entry.result)
        graph.add((name, CPSV.produces, output))
    if entry.definition is not None:
        length = duration(entry.definition.term)
        graph.add((name, CV.processingTime, Literal(length, datatype=XSD.duration)))


def duration(term: Term) -> str:
    """Return a legal term as ISO 8601 has it; at once is no time at all."""
    return f"P{term.length}{UNITS[term.unit]}"


def _event(graph: Graph, at: Addresses, of: LifeEvent) -> URIRef:
    name = at.id("life-event", of.id)
    graph.add((name, RDF.type, CV.LifeEvent))
    graph.add((name, RDF.type, CV.Event))
    graph.add((name, DCTERMS.identifier, Literal(of.id)))
    names.say(graph, name, DCTERMS.title, of.name)
    names.say(graph, name, DCTERMS.description, of.hint)
    return name


def _channel(graph: Graph, at: Addresses, code: str) -> URIRef:
    name = at.id("channel", code)
    if (name, RDF.type, CV.Channel) not in graph:
        label = _words("service.channel", code)
        graph.add((name, RDF.type, CV.Channel))
        graph.add((name, DCTERMS.identifier, Literal(code)))
        names.say(graph, name, DCTERMS.description, label)
        kind = names.concept(graph, at.id("channel-type", code), label)
        graph.add((name, DCTERMS.type, kind))
    return name


def _costs(graph: Graph, at: Addresses, of: URIRef, entry: Entry) -> None:
    tiers = [(str(number + 1), one.amount, one.label) for number, one in enumerate(entry.fee.tiers)]
    if not tiers and entry.fee.amount is not None:
        tiers = [("1", entry.fee.amount, texts().text("service.fee"))]
    for key, amount, label in tiers:
        cost = at.id("cost", f"{entry.id}/{key}")
        graph.add((cost, RDF.type, CV.Cost))
        graph.add((cost, DCTERMS.identifier, Literal(f"{entry.id}/cost/{key}")))
        graph.add((cost, CV.hasValue, Literal(amount / 100, datatype=XSD.double)))
        graph.add((cost, CV.currency, names.concept(graph, CURRENCY)))
        names.say(graph, cost, DCTERMS.description, label)
        graph.add((cost, CV.isDefinedBy, names.body(graph, at, entry.authority)))
        graph.add((of, CV.hasCost, cost))


def _law(graph: Graph, at: Addresses, of: URIRef, entry: Entry, catalogue: Catalogue) -> None:
    """State the acts, and for each article a rule that implements it."""
    for number, basis in enumerate(entry.basis):
        label = _act(basis, catalogue)
        names.acts(graph, at, of, CV.hasLegalResource, [basis.act])
        act = at.id("act", basis.act)
        for property_ in (ELI.title, DCTERMS.title):
            graph.remove((act, property_, None))
            names.say(graph, act, property_, label)
        rule = at.id("rule", f"{entry.id}/{number + 1}")
        said = Text(*(f"{text}, {basis.article}" if basis.article else text
                      for text in (label.az, label.en, label.ru)))  # fmt: skip
        graph.add((rule, RDF.type, CPSV.Rule))
        graph.add((rule, DCTERMS.identifier, Literal(f"{entry.id}/rule/{number + 1}")))
        names.say(graph, rule, DCTERMS.title, said)
        names.say(graph, rule, DCTERMS.description, said)
        graph.add((rule, CPSV.implements, act))
        graph.add((of, CPSV.follows, rule))


def _act(basis: Basis, catalogue: Catalogue) -> Text:
    known = catalogue.acts.get(basis.act)
    return act_names(basis.act) if known is None else known.name


def _needs(graph: Graph, at: Addresses, of: URIRef, entry: Entry) -> None:
    """State what is needed; what the state has already says so by its type."""
    if entry.definition is None:
        return
    for number, need in enumerate(entry.definition.needs):
        name = at.id("evidence", f"{entry.id}/{number + 1}")
        graph.add((name, RDF.type, CV.Evidence))
        graph.add((name, DCTERMS.identifier, Literal(f"{entry.id}/evidence/{number + 1}")))
        names.say(graph, name, DCTERMS.title, need.text)
        key = "boxes.state_has" if need.from_state else "boxes.from_you"
        code = "from-state" if need.from_state else "from-applicant"
        kind = names.concept(graph, at.id("evidence-source", code), texts().text(key))
        graph.add((name, DCTERMS.type, kind))
        graph.add((of, CPSV.hasInput, name))


def _words(area: str, code: str) -> Text:
    key = f"{area}.{code.replace('-', '_')}"
    return texts().text(key) if key in texts() else Text(code, code, code)
