"""A country's file that changes after founding is noticed and proposed, never silently taken."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml

from pencere.countries.country import Country
from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Conflict, Misconfigured, Missing, Refused
from pencere.web.notifications.models import Message
from pencere.web.stateregister import interfaces
from pencere.web.stateregister.domain import agreements, applications, founding, loading, newer_data
from pencere.web.stateregister.domain.description import Difference
from pencere.web.stateregister.domain.newer_data import ENTRY, Otherwise
from pencere.web.stateregister.domain.offices import Actor
from pencere.web.stateregister.domain.recording import describe
from pencere.web.stateregister.models import Act, Agreement, Application, Description, System

pytestmark = pytest.mark.django_db
SYSTEM = "bpqmi/population"
SERVICE = f"{SYSTEM}/person"
RIGHT = "portal-person-own"
Change = Callable[[dict[str, Any]], object]
Edit = Callable[..., Country]


@pytest.fixture
def edit(founded: None, tmp_path: Path) -> Edit:
    """Change a file of the country, as a newer release or an operator does."""
    folder = tmp_path / "az"
    copytree(Country.load("az").folder, folder)

    def change(how: Change, file: str = "exchange.yaml") -> Country:
        path = folder / file
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        how(said)
        path.write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
        return Country.load_folder(folder)

    return change


@pytest.fixture
def acted(founded: None, clock: FixedClock) -> System:
    """The population register after a decision of people: it is called otherwise."""
    system = System.objects.get(owner_id="bpqmi", code="population")
    last = Description.objects.get(system=system)
    names = {"az": "Əhali", "en": "Population", "ru": "Население"}
    services = [
        one | {"timeout_s": 30, "consent": "identify"} if one["code"] == "person" else one
        for one in last.content["services"]
    ]
    describe(system, last.content | {"names": names, "services": services}, why="Sadə ad",
             application="DR-2026-000099", person=None, at=clock.now())  # fmt: skip
    System.objects.filter(pk=system.pk).update(names=names, is_acted_on=True)
    system.refresh_from_db()
    return system


def call_people(data: dict[str, Any]) -> None:
    data["services"][SERVICE]["en"] = "People"


def test_the_file_as_it_was_founded_says_nothing_otherwise(founded: None) -> None:
    assert newer_data.newer_data(Country.load("az")) == []


def test_before_founding_there_is_nothing_to_compare(db: None) -> None:
    assert newer_data.newer_data(Country.load("az")) == []


def test_a_change_is_named_with_both_values_and_changes_nothing_by_itself(edit: Edit) -> None:
    before = Act.objects.count(), Description.objects.count()

    found = newer_data.newer_data(edit(call_people))

    (one,) = found
    said = (one.about, one.key, one.change.key, one.change.what, one.change.kind, one.is_acted_on)
    assert said == ("system", SYSTEM, "services", "person", "changed", False)
    assert one.change.before["names"]["en"] == "Persons"
    assert one.change.after["names"]["en"] == "People"
    assert (Act.objects.count(), Description.objects.count()) == before


def test_founding_anew_records_it_by_law_and_the_difference_is_gone(
    edit: Edit, clock: FixedClock
) -> None:
    country = edit(call_people)

    loading.load_country(country)
    founding.found(country, at=clock.now())

    assert newer_data.newer_data(country) == []
    acts = Act.objects.filter(about="system", subject=SYSTEM).order_by("id")
    assert list(acts.values_list("kind", flat=True)) == ["founded", "by-law"]


def test_what_people_decided_otherwise_is_no_difference_while_the_file_stays(
    acted: System,
) -> None:
    assert newer_data.newer_data(Country.load("az")) == []


def test_against_a_decision_of_people_the_file_is_told_and_theirs_stands(
    edit: Edit, acted: System, clock: FixedClock
) -> None:
    country = edit(call_people)
    expected = newer_data.newer_data(country)

    loading.load_country(country)
    founding.found(country, at=clock.now())

    (one,) = newer_data.newer_data(country)
    assert [one] == expected
    assert (one.key, one.change.what, one.is_acted_on) == (SYSTEM, "person", True)
    # What the file did not change of the service is still the people's.
    changed = {name for name, value in one.change.after.items() if value != one.change.before[name]}
    assert changed == {"names"}
    assert Description.objects.filter(system=acted).count() == 2


@pytest.mark.parametrize(
    ("file", "how", "key", "after"),
    [
        ("exchange.yaml", lambda of: of["systems"][SYSTEM].update(en="Register of people"),
         "names", "Register of people"),
        ("state_register.yaml", lambda of: of["systems"][SYSTEM].update(security_class="1"),
         "security_class", "1"),
        ("state_register.yaml", lambda of: of["systems"][SYSTEM].update(persons=7),
         "persons", 7),
    ],
)  # fmt: skip
def test_every_field_that_a_file_says_is_compared(
    edit: Edit, acted: System, file: str, how: Change, key: str, after: object
) -> None:
    found = newer_data.newer_data(edit(how, file))

    said = {one.change.key: one.change.after for one in found if one.is_acted_on}
    value = said[key]
    assert after in (value, *(value.values() if isinstance(value, dict) else ()))


def test_an_entry_that_comes_or_goes_is_told(edit: Edit) -> None:
    def change(data: dict[str, Any]) -> None:
        data["systems"]["dma/new"] = {**data["systems"][SYSTEM], "en": "New"}
        data["agreements"]["another"] = data["agreements"].pop(RIGHT)

    found = newer_data.newer_data(edit(change))

    assert [(one.about, one.key, one.change.key, one.change.kind) for one in found] == [
        ("system", "dma/new", ENTRY, "added"),
        ("agreement", "another", ENTRY, "added"),
        ("agreement", RIGHT, ENTRY, "removed"),
    ]


def test_an_agreement_that_people_suspended_is_told_only_when_its_file_changed(
    edit: Edit, officers: dict[str, Actor], clock: FixedClock
) -> None:
    agreements.suspend(RIGHT, actor=officers["approver"], reason="Yoxlama aparılır",
                       at=clock.now())  # fmt: skip

    same = newer_data.newer_data(edit(lambda data: None))
    other = edit(lambda data: data["agreements"][RIGHT].update(fields=["family"]))
    loading.load_country(other)
    founding.found(other, at=clock.now())

    assert same == []
    assert newer_data.newer_data(other) == [
        Otherwise("agreement", RIGHT, Difference("fields", "", "changed", [], ["family"]), True)
    ]
    assert Agreement.objects.get(id=RIGHT).fields == []


def test_a_code_that_the_lists_no_longer_have_is_told(acted: System, clock: FixedClock) -> None:
    last = Description.objects.filter(system=acted).order_by("-number")[0]
    content = last.content | {"security_class": "9", "users": ["nobody"]}
    describe(acted, content, why="", application="DR-2026-000098", person=None, at=clock.now())

    found = newer_data.newer_data(Country.load("az"))

    assert [(one.change.what, one.change.before, one.is_proposable) for one in found] == [
        ("users", "nobody", False), ("security_class", "9", False)
    ]  # fmt: skip


def test_a_file_that_cannot_be_read_says_where(edit: Edit) -> None:
    with pytest.raises(Misconfigured):
        newer_data.newer_data(edit(lambda data: data["systems"][SYSTEM].update(basis="no-act")))


def test_operators_read_one_line_a_difference(
    edit: Edit, acted: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pencere.web.country.country", lambda: edit(call_people))

    (line,) = interfaces.newer_data_lines()

    assert line == (
        "system bpqmi/population, services person: "
        'registered {"names": {"az": "Şəxslər", "en": "Persons", "ru": "Лица"}}, '
        'file {"names": {"az": "Şəxslər", "en": "People", "ru": "Лица"}} (people decided, stays)'
    )


def draft(country: Country, actor: Actor, clock: FixedClock, key: str = SYSTEM) -> Application:
    return newer_data.propose(key, country=country, actor=actor, why="Fayl dəyişdi",
                              at=clock.now())  # fmt: skip


def test_a_supervisor_drafts_an_application_and_the_owner_sends_it(
    edit: Edit, acted: System, officers: dict[str, Actor], clock: FixedClock
) -> None:
    country = edit(call_people)

    row = draft(country, officers["supervisor"], clock)

    last = Description.objects.filter(system=acted).order_by("-number")[0]
    services = [
        one | {"names": one["names"] | {"en": "People"}} if one["code"] == "person" else one
        for one in last.content["services"]
    ]
    assert (row.kind, row.state, row.base, row.why) == ("change", "draft", 2, "Fayl dəyişdi")
    assert row.content == last.content | {"services": services}
    begun = Act.objects.get(about="application", subject=row.number)
    assert (begun.kind, begun.role, begun.body) == ("begun", "register-supervisor", "mdd")
    told = Message.objects.filter(subject=row.number)
    assert [one.person_id for one in told] == [officers["holder"].person.pk]
    with pytest.raises(Refused):
        applications.submit(
            row.number, version=row.version, actor=officers["supervisor"], at=clock.now()
        )
    mine = applications.application(row.number, actor=officers["holder"])
    assert mine.number == row.number


def test_a_second_press_leads_to_the_same_draft(
    edit: Edit, acted: System, officers: dict[str, Actor], clock: FixedClock
) -> None:
    country = edit(call_people)

    rows = [draft(country, officers["supervisor"], clock) for _ in range(2)]

    assert rows[0].number == rows[1].number
    assert Message.objects.filter(subject=rows[0].number).count() == 1


def test_a_draft_is_refused_with_its_reason(
    edit: Edit, acted: System, officers: dict[str, Actor], clock: FixedClock
) -> None:
    same, newer = edit(lambda data: None), edit(call_people)
    for name in ("proposer", "holder", "approver", "signatory"):
        with pytest.raises(Refused):
            draft(newer, officers[name], clock)
    with pytest.raises(Missing):
        draft(newer, officers["supervisor"], clock, "bpqmi/nothing")
    with pytest.raises(Conflict, match="no_difference"):
        draft(newer, officers["supervisor"], clock, "idda/portal")
    applications.begin(kind="change", owner="bpqmi", code="population", actor=officers["holder"],
                       at=clock.now())  # fmt: skip
    with pytest.raises(Conflict, match="application_open"):
        draft(newer, officers["supervisor"], clock)
    assert same.folder == newer.folder
    assert Application.objects.count() == 1


def test_parts_are_put_removed_and_added_where_they_belong() -> None:
    def field(code: str) -> dict[str, Any]:
        return {"code": code, "names": {"az": code}, "concept": ""}

    old = {"code": "a", "names": {"az": "A"}, "fields": [field("x"), field("y")]}
    new = {"code": "b", "names": {"az": "B"}, "fields": [field("z")]}
    content = {"objects": [old], "users": ["q", "r"], "operator": "q"}
    changes = [
        Difference("objects", "a.x", "removed", field("x"), None),
        Difference("objects", "b.z", "added", None, field("z")),
        Difference("users", "q", "removed", "q", None),
        Difference("users", "s", "added", None, "s"),
        Difference("operator", "", "changed", "q", "s"),
    ]

    made = newer_data._applied(content, changes, {"objects": [new]})

    kept = {**old, "fields": [field("y")]}
    assert made == {"objects": [kept, new], "users": ["r", "s"], "operator": "s"}
    gone = replace(changes[0], what="a.y", before=field("y"))
    assert newer_data._applied(content, [*changes, gone], {"objects": [new]})["objects"] == [new]
