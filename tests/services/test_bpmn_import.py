"""A drawn case becomes states, checks, actions and timers; what is not understood is refused."""

import pytest
import yaml

from pencere.kernel.errors import Invalid
from pencere.services.bpmn import export_bpmn
from pencere.services.bpmn_import import import_case
from pencere.services.lints.case import ways_on
from pencere.services.model.definition import Definition

HEAD = '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"><process id="p">'
TAIL = "</process></definitions>"
FLOW = '<sequenceFlow id="{0}" sourceRef="{1}" targetRef="{2}" name="{3}"/>'


def drawn(*parts: str) -> bytes:
    return (HEAD + "\n".join(parts) + TAIL).encode()


def flow(number: int, source: str, target: str, name: str = "") -> str:
    return FLOW.format(f"f{number}", source, target, name)


START = '<startEvent id="s"/>'
TASK = '<userTask id="Activity_0x1y" name="Baxış"/>'
END = '<endEvent id="granted" name="Verildi"/>'
SMALL = (
    START,
    TASK,
    END,
    flow(1, "s", "Activity_0x1y"),
    flow(2, "Activity_0x1y", "granted", "Ver"),
)


def case_of(content: bytes) -> dict[str, object]:
    found = yaml.safe_load(import_case(content))["case"]
    assert isinstance(found, dict)
    return found


def test_a_small_drawing_of_a_tool_is_a_case() -> None:
    assert case_of(drawn(*SMALL)) == {
        "initial": "baxis",
        "states": {
            "baxis": {
                "name": {"az": "Baxış", "en": "Baxış", "ru": "Baxış"},
                "actions": {
                    "ver": {
                        "name": {"az": "Ver", "en": "Ver", "ru": "Ver"},
                        "by": "officer",
                        "to": "granted",
                    }
                },
                "queue": "officers",
            },
            "granted": {
                "name": {"az": "Verildi", "en": "Verildi", "ru": "Verildi"},
                "final": True,
                "outcome": "granted",
            },
        },
    }


def test_what_was_exported_comes_back_with_every_way(permit: Definition) -> None:
    states = case_of(export_bpmn(permit, "az"))["states"]
    assert isinstance(states, dict)

    assert list(states) == list(permit.states)
    for key, state in permit.states.items():
        found = states[key]
        ways = {f"actions.{name}.to": one["to"] for name, one in found.get("actions", {}).items()}
        ways |= {
            f"checks.{index}.failed": one["failed"]
            for index, one in enumerate(found.get("checks", []))
        }
        ways |= {"then": found["then"]} if "then" in found else {}
        ways |= {"after.to": found["after"]["to"]} if "after" in found else {}
        assert ways == ways_on(state)
        assert [(one["id"], one["kind"]) for one in found.get("checks", [])] == [
            (one.id, one.kind.value) for one in state.checks
        ]
    assert states["waiting"]["after"] == {"days": 3, "to": "refused"}
    assert states["submitted"]["checks"][1]["that"] == "answers.length < 50"


def test_parallel_checks_are_the_checks_of_one_state() -> None:
    condition = "<conditionExpression>size(facts.bans) > 0</conditionExpression>"
    age = "<conditionExpression>answers.age &lt; 18</conditionExpression>"
    found = case_of(
        drawn(
            START,
            '<parallelGateway id="checks"/><parallelGateway id="join"/>',
            '<serviceTask id="a" name="Bans"/><serviceTask id="b" name="Age"/>',
            '<endEvent id="granted"/><endEvent id="refused"/>',
            flow(1, "s", "checks"),
            flow(2, "checks", "a"),
            flow(3, "checks", "b"),
            flow(4, "a", "join"),
            flow(5, "b", "join"),
            flow(6, "a", "refused").replace("/>", f">{condition}</sequenceFlow>"),
            flow(7, "b", "refused").replace("/>", f">{age}</sequenceFlow>"),
            flow(8, "join", "granted"),
        )
    )

    assert found["initial"] == "checks"
    states = found["states"]
    assert isinstance(states, dict)
    assert [(one["that"], one["failed"]) for one in states["checks"]["checks"]] == [
        ("!(size(facts.bans) > 0)", "refused"),
        ("!(answers.age < 18)", "refused"),
    ]
    assert states["checks"]["then"] == "granted"


@pytest.mark.parametrize(
    ("extra", "element"),
    [
        ('<scriptTask id="x"><script>import os</script></scriptTask>', "scriptTask"),
        ('<subProcess id="x"/>', "subProcess"),
        ('<callActivity id="x"/>', "callActivity"),
        ('<inclusiveGateway id="x"/>', "inclusiveGateway"),
        ('<intermediateCatchEvent id="x"/>', "intermediateCatchEvent"),
    ],
)
def test_what_is_not_read_is_refused_with_its_line(extra: str, element: str) -> None:
    with pytest.raises(Invalid) as caught:
        import_case(drawn(*SMALL, extra))

    assert caught.value.code == "bpmn.unknown"
    assert caught.value.facts == {"element": element, "line": 6}


@pytest.mark.parametrize(
    "parts",
    [
        (START, TASK, END, flow(1, "s", "Activity_0x1y")),  # a task that nobody leaves
        (*SMALL, flow(3, "granted", "nowhere")),
        (*SMALL, START.replace('"s"', '"s2"')),
        (*SMALL, TASK),
        (TASK, END),
        (*SMALL, flow(3, "Activity_0x1y", "granted", "Ver")),
        (*SMALL, '<boundaryEvent id="t" attachedToRef="Activity_0x1y"/>', flow(3, "t", "granted")),
        (START, *('<exclusiveGateway id="g"/>', flow(1, "s", "g"), flow(2, "g", "g"))),
    ],
    ids=["dead-end", "nowhere", "two-starts", "twice", "no-start", "same-name", "timer", "circle"],
)
def test_a_drawing_that_means_nothing_is_refused(parts: tuple[str, ...]) -> None:
    with pytest.raises(Invalid) as caught:
        import_case(drawn(*parts))

    assert caught.value.code == "bpmn.shape"
    assert caught.value.facts["reason"]


@pytest.mark.parametrize(
    "content",
    [b"", b"<x", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b"x" * (2 * 1024 * 1024 + 1)],
    ids=["empty", "cut", "entity", "large"],
)
def test_what_is_no_harmless_xml_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        import_case(content)

    assert caught.value.code == "bpmn.damaged"
