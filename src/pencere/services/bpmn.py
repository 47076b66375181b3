"""BPMN 2.0 of a case, for people to see in any BPMN tool. It is drawn from, never executed.

States with actions become user tasks, checks a service task, decisions exclusive gateways, timers
boundary events. OMG formal/13-12-09; without a diagram: tools lay it out themselves. What BPMN has
no word for stands in attributes of our own, so that `bpmn_import` reads the same case out of it.
"""

from collections.abc import Iterator
from xml.etree import ElementTree

from pencere.services.lints.case import ways_on
from pencere.services.model.casework import State, Timer
from pencere.services.model.common import TermUnit
from pencere.services.model.definition import Definition

_NS = "http://www.omg.org/spec/BPMN/20100524/MODEL"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
OWN = "urn:pencere:bpmn:1"
_UNITS = {TermUnit.WORKING_DAYS: "D", TermUnit.DAYS: "D", TermUnit.MONTHS: "M"}


def export_bpmn(definition: Definition, language: str) -> bytes:
    """Return the case of a service as a BPMN document, texts in `language`."""
    ElementTree.register_namespace("", _NS)
    ElementTree.register_namespace("xsi", _XSI)
    ElementTree.register_namespace("pencere", OWN)
    root = ElementTree.Element(
        _tag("definitions"), {"targetNamespace": f"urn:pencere:service:{definition.service}"}
    )
    process = ElementTree.SubElement(
        root,
        _tag("process"),
        {
            "id": f"{definition.service}-{definition.version}",
            "name": definition.names.in_language(language),
            "isExecutable": "false",
        },
    )
    ElementTree.SubElement(process, _tag("startEvent"), {"id": "start"})
    flows: list[_Flow] = [("start", f"state-{definition.initial}", "", {})]
    for state in definition.states.values():
        flows.extend(_draw(process, state, language))
    for number, (source, target, name, own) in enumerate(flows):
        given = {"id": f"flow-{number}", "sourceRef": source, "targetRef": target, "name": name}
        given |= {f"{{{OWN}}}{key}": value for key, value in own.items()}
        ElementTree.SubElement(process, _tag("sequenceFlow"), given)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


# From, to, name, attributes of our own.
_Flow = tuple[str, str, str, dict[str, str]]


def _draw(process: ElementTree.Element, state: State, language: str) -> Iterator[_Flow]:
    node = f"state-{state.id}"
    name = state.name.in_language(language)
    if state.final:
        outcome = {f"{{{OWN}}}outcome": state.outcome} if state.outcome else {}
        ElementTree.SubElement(process, _tag("endEvent"), {"id": node, "name": name, **outcome})
        return
    kind = "userTask" if state.actions else "serviceTask"
    ElementTree.SubElement(process, _tag(kind), {"id": node, "name": name})
    if state.after is not None:
        _timer(process, node, state.after)
        yield f"{node}-after", f"state-{state.after.to}", "", {}
    ways = {place: to for place, to in ways_on(state).items() if place != "after.to"}
    if not ways:
        return
    source = node
    if len(ways) > 1:
        source = f"{node}-way"
        ElementTree.SubElement(process, _tag("exclusiveGateway"), {"id": source})
        yield node, source, "", {}
    for place, target in ways.items():
        yield source, f"state-{target}", *_label(state, place, language)


def _label(state: State, place: str, language: str) -> tuple[str, dict[str, str]]:
    kind, _, rest = place.partition(".")
    action = state.action(rest.removesuffix(".to")) if kind == "actions" else None
    if action is not None:
        return action.name.in_language(language), {"action": action.id, "by": action.by.value}
    if kind == "checks":
        check = state.checks[int(rest.removesuffix(".failed"))]
        own = {"check": check.id, "kind": check.kind.value}
        if check.that is not None:
            own["that"] = check.that.source
        return check.name.in_language(language), own
    return "", {}


def _timer(process: ElementTree.Element, node: str, timer: Timer) -> None:
    given = {"id": f"{node}-after", "attachedToRef": node, f"{{{OWN}}}unit": timer.unit.value}
    event = ElementTree.SubElement(process, _tag("boundaryEvent"), given)
    definition = ElementTree.SubElement(event, _tag("timerEventDefinition"))
    duration = ElementTree.SubElement(
        definition, _tag("timeDuration"), {f"{{{_XSI}}}type": "tFormalExpression"}
    )
    duration.text = f"P{timer.length}{_UNITS[timer.unit]}"


def _tag(name: str) -> str:
    return f"{{{_NS}}}{name}"
