"""What authors do from the shell: begin, check, test, see, draw."""

from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pencere.countries import Country
from pencere.kernel.errors import Misconfigured
from pencere.services import commands
from pencere.services.bpmn import export_bpmn
from pencere.services.model.definition import Definition


@pytest.fixture
def country(island_folder: Path) -> Country:
    return Country.load_folder(island_folder)


def test_a_new_service_passes_its_checks_and_its_cases(country: Country) -> None:
    folder = commands.new("boat-permit", "harbour", country)

    assert commands.check([str(folder)], country) == []
    (tested,) = commands.test([str(folder)], country)
    assert [result.problems for result in tested.results] == [(), ()]


@pytest.mark.parametrize("service", ["../escape", "Boat", "net-permit", "a" * 65])
def test_a_new_service_needs_an_id_of_its_own(country: Country, service: str) -> None:
    with pytest.raises(Misconfigured):
        commands.new(service, "harbour", country)


def test_a_service_that_is_not_there_is_named(country: Country) -> None:
    with pytest.raises(Misconfigured) as caught:
        commands.check(["no-such"], country)

    assert caught.value.facts["key"] == "service.yaml"


def test_the_list_tells_services_from_pages(country: Country) -> None:
    rows = [(row["id"], row["version"], row["status"]) for row in commands.list_services(country)]

    assert rows == [("rod-permit", None, "information"), ("net-permit", 2, "executable")]


def test_a_preview_shows_the_way_the_fee_and_the_states(country: Country) -> None:
    shown = commands.preview("net-permit", country, date(2026, 11, 20), "en")

    assert (shown["name"], shown["fee"]) == ("Net permit", 600)
    questions, states = shown["questions"], shown["states"]
    assert isinstance(questions, list)
    assert isinstance(states, list)
    assert [q["id"] for q in questions if q["on_sample_way"]] == ["length", "price"]
    assert [state["id"] for state in states if state["final"]] == ["granted", "refused"]


def test_the_drawing_holds_every_state_and_no_flow_into_nowhere(permit: Definition) -> None:
    tree = ElementTree.fromstring(export_bpmn(permit, "en"))

    ids = {element.get("id") for element in tree.iter()}
    flows = [
        dict(element.attrib) for element in tree.iter() if element.tag.endswith("sequenceFlow")
    ]
    assert {f"state-{name}" for name in permit.states} <= ids
    assert {flow["sourceRef"] for flow in flows} | {flow["targetRef"] for flow in flows} <= ids
