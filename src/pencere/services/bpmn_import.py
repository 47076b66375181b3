"""A case out of a BPMN 2.0 drawing, of a small part of BPMN; nothing of it is ever executed.

Read are one process with one start, user tasks (a person acts), service tasks (checks), exclusive
gateways (they only join arrows), parallel gateways round service tasks (checks side by side), ends
and timers on tasks. Everything else is refused by name and line, for a case that left it out would
be another case. OMG formal/13-12-09.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from pencere.documents.formats import xmlsafe
from pencere.documents.formats.xmlsafe import Element
from pencere.kernel.alphabet import fold
from pencere.kernel.errors import Invalid
from pencere.kernel.text import LANGUAGES
from pencere.services.bpmn import OWN

LARGEST_BYTES = 2 * 1024 * 1024
_BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
_STATES = frozenset({"userTask", "serviceTask", "endEvent"})
_PASSED = frozenset({"exclusiveGateway", "startEvent"})
_READ = _STATES | _PASSED | {"parallelGateway", "boundaryEvent", "sequenceFlow"}
# Words for people, and how a tool draws it.
_IGNORED = frozenset(
    {"documentation", "extensionElements", "laneSet", "textAnnotation", "association", "group"}
)
_DURATION = re.compile(r"P([1-9][0-9]{0,3})([DM])")
_ID = re.compile(r"[a-z][a-z0-9_]*")
MOST_NODES = 500


@dataclass(frozen=True, slots=True)
class _Flow:
    target: str
    name: str
    own: dict[str, str]
    element: Element


@dataclass
class _Drawing:
    """Nodes by id, and which arrows leave each."""

    nodes: dict[str, Element] = field(default_factory=dict)
    leaving: dict[str, list[_Flow]] = field(default_factory=dict)
    arriving: dict[str, int] = field(default_factory=dict)


def import_case(content: bytes) -> str:
    """Return the `case` of a service definition as YAML.

    A drawing has one language: it stands in all three, and the check of the service asks for the
    others. Effects, reasons and appeals are not drawn; the check names what is missing.

    Raises:
        Invalid: `bpmn.damaged`, `bpmn.unknown` (element and line), `bpmn.shape` (what and where).
    """
    if len(content) > LARGEST_BYTES:
        raise Invalid("bpmn.damaged", reason="larger than 2 MiB")
    try:
        root = xmlsafe.parse(content)
    except Invalid as problem:
        raise Invalid("bpmn.damaged", reason=str(problem.facts.get("reason", "XML"))) from problem
    processes = root.findall(f"{_BPMN}process")
    if len(processes) != 1:
        raise Invalid("bpmn.shape", reason="one process is read", line=root.sourceline)
    drawing = _read(processes[0])
    names = _names(drawing)
    states = {}
    for identifier in names:
        states[names[identifier]] = _state(drawing, identifier, names)
    case = {"initial": _first(drawing, names), "states": states}
    text: str = yaml.safe_dump({"case": case}, allow_unicode=True, sort_keys=False, width=100)
    return text


def _shape(element: Element, reason: str) -> Invalid:
    return Invalid(
        "bpmn.shape", reason=reason, id=str(element.get("id", ""))[:64], line=element.sourceline
    )


def _kind(element: Element) -> str:
    return str(element.tag).removeprefix(_BPMN)


def _own(element: Element) -> dict[str, str]:
    start = f"{{{OWN}}}"
    return {
        str(key).removeprefix(start): str(value)
        for key, value in element.attrib.items()
        if str(key).startswith(start)
    }


def _read(process: Element) -> _Drawing:
    drawing = _Drawing()
    for element in process.iterchildren("*"):
        kind = _kind(element)
        if kind in _IGNORED:
            continue
        if kind not in _READ:
            raise Invalid("bpmn.unknown", element=kind[:60], line=element.sourceline)
        if kind == "sequenceFlow":
            flow = _Flow(
                element.get("targetRef", ""), element.get("name", ""), _own(element), element
            )
            drawing.leaving.setdefault(element.get("sourceRef", ""), []).append(flow)
            drawing.arriving[flow.target] = drawing.arriving.get(flow.target, 0) + 1
        elif (identifier := element.get("id", "")) in drawing.nodes or not identifier:
            raise _shape(element, "an id is missing or stands twice")
        else:
            drawing.nodes[identifier] = element
    if len(drawing.nodes) > MOST_NODES:
        raise Invalid("bpmn.shape", reason=f"more than {MOST_NODES} nodes", line=1)
    for source, flows in drawing.leaving.items():
        for flow in flows:
            if source not in drawing.nodes or flow.target not in drawing.nodes:
                raise _shape(flow.element, "an arrow leads from or to nothing")
    return drawing


def _names(drawing: _Drawing) -> dict[str, str]:
    """Return the ids of the states by the nodes they come from, in the order of the drawing."""
    names: dict[str, str] = {}
    for identifier, element in drawing.nodes.items():
        kind = _kind(element)
        if kind in _STATES and not _is_side_by_side(drawing, identifier):
            names[identifier] = _word(identifier.removeprefix("state-"), element.get("name", ""))
        elif kind == "parallelGateway" and len(drawing.leaving.get(identifier, ())) > 1:
            names[identifier] = _word(identifier, element.get("name", ""))
    taken = list(names.values())
    for identifier, name in names.items():
        if taken.count(name) > 1:
            raise _shape(drawing.nodes[identifier], f"two states would be called {name}")
    return names


def _word(identifier: str, name: str) -> str:
    """Return an id of ours; drawing tools make up theirs, so the name is better."""
    if _ID.fullmatch(identifier) and "_0" not in identifier:
        return identifier
    word = re.sub(r"[^a-z0-9]+", "_", fold(name)).strip("_")[:60]
    return word if _ID.fullmatch(word) else "step_" + re.sub(r"[^a-z0-9]+", "_", fold(identifier))


def _is_side_by_side(drawing: _Drawing, identifier: str) -> bool:
    return any(
        flow.target == identifier
        for source, flows in drawing.leaving.items()
        if _kind(drawing.nodes[source]) == "parallelGateway" and len(flows) > 1
        for flow in flows
    )


def _first(drawing: _Drawing, names: dict[str, str]) -> str:
    starts = [key for key, one in drawing.nodes.items() if _kind(one) == "startEvent"]
    if len(starts) != 1:
        raise Invalid("bpmn.shape", reason="one start is needed", line=1)
    ways = list(_ways(drawing, starts[0], names))
    if len(ways) != 1:
        raise _shape(drawing.nodes[starts[0]], "the start leads to one state")
    return ways[0][0]


def _ways(drawing: _Drawing, source: str, names: dict[str, str]) -> Iterator[tuple[str, _Flow]]:
    """Give the states that arrows from `source` lead to, past gateways, with the last arrow."""
    seen: set[str] = set()
    waiting = list(reversed(drawing.leaving.get(source, ())))
    while waiting:
        flow = waiting.pop()
        if flow.target in names:
            yield names[flow.target], flow
        elif _kind(drawing.nodes[flow.target]) != "exclusiveGateway":
            raise _shape(flow.element, "an arrow leads into the middle of parallel checks")
        elif flow.target not in seen:
            seen.add(flow.target)
            waiting.extend(reversed(drawing.leaving.get(flow.target, ())))


def _state(drawing: _Drawing, identifier: str, names: dict[str, str]) -> dict[str, Any]:
    element = drawing.nodes[identifier]
    kind = _kind(element)
    state: dict[str, Any] = {"name": _text(element.get("name") or names[identifier])}
    if kind == "endEvent":
        return state | {"final": True, "outcome": _own(element).get("outcome", "granted")}
    if kind == "parallelGateway":
        state |= _side_by_side(drawing, identifier, names)
    elif kind == "serviceTask":
        state |= _checked(_ways(drawing, identifier, names), element)
    else:
        state["actions"] = dict(_actions(_ways(drawing, identifier, names), element))
        state["queue"] = "officers"
    timers = [
        one
        for one in drawing.nodes.values()
        if _kind(one) == "boundaryEvent" and one.get("attachedToRef") == identifier
    ]
    if len(timers) > 1:
        raise _shape(element, "one timer to a task")
    return state | ({"after": _timer(drawing, timers[0], names)} if timers else {})


def _text(words: str) -> dict[str, str]:
    return dict.fromkeys(LANGUAGES, words)


def _actions(
    ways: Iterator[tuple[str, _Flow]], element: Element
) -> Iterator[tuple[str, dict[str, Any]]]:
    known = set()
    for target, flow in ways:
        name = flow.name or target
        action = flow.own.get("action") or _word("", name)
        if action in known:
            raise _shape(flow.element, f"two arrows are called {name[:60]}")
        known.add(action)
        yield action, {"name": _text(name), "by": flow.own.get("by", "officer"), "to": target}
    if not known:
        raise _shape(element, "no arrow leaves it")


def _checked(ways: Iterator[tuple[str, _Flow]], element: Element) -> dict[str, Any]:
    """Return what a service task says: the arrow without a name is the way of what has passed."""
    then, checks = [], []
    for target, flow in ways:
        if not flow.name:
            then.append(target)
        else:
            checks.append(_check(flow.name, target, flow.own, flow.element))
    if len(then) != 1 or not checks:
        raise _shape(element, "one arrow without a name, and one with a name for each check")
    return {"checks": checks, "then": then[0]}


def _check(name: str, failed: str, own: dict[str, str], element: Element) -> dict[str, Any]:
    kind = own.get("kind", "condition")
    said = element.find(f"{_BPMN}conditionExpression")
    that = own.get("that", "")
    if not that and said is not None and (taken := str(said.text or "").strip()):
        that = f"!({taken})"  # the arrow says when it is taken, a check what must hold
    if kind == "condition" and not that:
        raise _shape(element, "an arrow of failure needs a conditionExpression (CEL)")
    check = {"id": own.get("check") or _word("", name), "kind": kind, "name": _text(name)}
    return check | ({"that": that} if kind == "condition" else {}) | {"failed": failed}


def _side_by_side(drawing: _Drawing, identifier: str, names: dict[str, str]) -> dict[str, Any]:
    """Return parallel service tasks as the checks of one state."""
    joins, checks = set(), []
    for flow in drawing.leaving[identifier]:
        task = drawing.nodes[flow.target]
        leaving = drawing.leaving.get(flow.target, [])
        if _kind(task) != "serviceTask" or drawing.arriving[flow.target] != 1:
            raise _shape(task, "between parallel gateways stand service tasks only")
        on = [one for one in leaving if _kind(drawing.nodes[one.target]) == "parallelGateway"]
        failed = [one for one in leaving if one.target in names]
        if len(on) != 1 or len(failed) != 1 or len(leaving) != 2:
            raise _shape(task, "one arrow to the joining gateway, one to where a failure leads")
        joins.add(on[0].target)
        found = failed[0]
        checks.append(
            _check(task.get("name") or flow.target, names[found.target], found.own, found.element)
        )
    then = [target for join in joins for target, _ in _ways(drawing, join, names)]
    if len(joins) != 1 or len(then) != 1:
        raise _shape(drawing.nodes[identifier], "parallel checks join in one gateway with one way")
    return {"checks": checks, "then": then[0]}


def _timer(drawing: _Drawing, element: Element, names: dict[str, str]) -> dict[str, Any]:
    said = element.find(f"{_BPMN}timerEventDefinition/{_BPMN}timeDuration")
    found = _DURATION.fullmatch(str(said.text or "").strip()) if said is not None else None
    ways = list(_ways(drawing, str(element.get("id")), names))
    if found is None or len(ways) != 1:
        raise _shape(element, "a timer is a duration of days or months (P10D) with one arrow")
    plain = "days" if found[2] == "D" else "months"
    return {_own(element).get("unit", plain): int(found[1]), "to": ways[0][0]}
