"""A system is proposed, decided by everybody who must, and only then stands in the register."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from tests.web.stateregister.conftest import FAMILY_NAME, OFFICES

from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Conflict, Invalid, Missing, Refused
from pencere.web.notifications.models import Message
from pencere.web.stateregister.domain import applications, reading, reminders
from pencere.web.stateregister.domain.description import differences
from pencere.web.stateregister.domain.directory import directory_content
from pencere.web.stateregister.domain.offices import Actor
from pencere.web.stateregister.domain.terms import term
from pencere.web.stateregister.models import Accord, Act, Application, Description, System

pytestmark = pytest.mark.django_db
Propose = Callable[..., Application]
HOLDER = "bpqmi/population"


def kinds(about: str, subject: str) -> list[str]:
    return [one.kind for one in reading.acts_of(about, subject)]


def told(person: Any) -> list[str]:
    return sorted(Message.objects.filter(person=person).values_list("title__az", flat=True))


def test_a_system_stands_in_the_register_when_everybody_who_must_has_approved(
    propose: Propose, approve_all: Callable[..., Application]
) -> None:
    row = propose()

    after_one = approve_all(row, "approver")
    assert (after_one.state, System.objects.filter(code="training").count()) == ("submitted", 0)
    after_both = approve_all(row, "security")

    system = reading.system("dma", "training")
    assert (after_both.state, system.stage, system.is_active) == ("approved", "established", False)
    assert [one.number for one in reading.descriptions(system)] == [1]
    assert kinds("application", row.number) == [
        "begun", "submitted", "approved", "approved", "took-effect",
    ]  # fmt: skip
    assert told(row.proposer) == [f"Müraciət təsdiq edildi: {row.number}"]


@pytest.mark.parametrize(
    ("persons", "needs"),
    [(0, False), (999, False), (1000, True), (1001, True)],
)
def test_personal_data_is_supervised_from_a_thousand_persons(
    propose: Propose, persons: int, needs: bool
) -> None:
    row = propose(persons=0, send=False)
    row.content["persons"]["count"] = persons

    roles = {one.role for one in applications.needed(row)}

    assert ("register-privacy" in roles) is needs


def test_a_field_about_a_person_is_supervised_whatever_their_number(propose: Propose) -> None:
    row = propose(fields=[{**FAMILY_NAME, "code": "job", "concept": "employment"}])

    assert [one.role for one in applications.needed(row)] == [
        "register-approver", "register-security", "register-privacy",
    ]  # fmt: skip


def test_nobody_approves_what_they_proposed(
    propose: Propose, officers: dict[str, Actor], clock: FixedClock
) -> None:
    row = propose()
    own = Actor(
        officers["proposer"].person,
        (*officers["proposer"].offices, *officers["approver"].offices),
    )

    with pytest.raises(Refused) as refused:
        applications.approve(row.number, version=row.version, role="register-approver", actor=own,
                             reason="", at=clock.now())  # fmt: skip

    assert refused.value.code == "stateregister.own_proposal"
    assert applications.may_approve(row, own) == []


def test_nobody_approves_in_two_roles(
    propose: Propose, officers: dict[str, Actor], clock: FixedClock
) -> None:
    row = propose()
    both = Actor(
        officers["approver"].person,
        (*officers["approver"].offices, *officers["security"].offices),
    )
    applications.approve(row.number, version=row.version, role="register-approver", actor=both,
                         reason="", at=clock.now())  # fmt: skip

    with pytest.raises(Refused) as refused:
        applications.approve(row.number, version=row.version, role="register-security", actor=both,
                             reason="", at=clock.now())  # fmt: skip

    assert refused.value.code == "stateregister.one_role"


@pytest.mark.parametrize(
    "name", ["proposer", "signatory", "holder", "supervisor", "stranger", "security", "privacy"]
)
def test_only_the_operator_of_the_register_approves_as_such(
    propose: Propose, officers: dict[str, Actor], clock: FixedClock, name: str
) -> None:
    row = propose()

    with pytest.raises(Refused):
        applications.approve(row.number, version=row.version, role="register-approver",
                             actor=officers[name], reason="", at=clock.now())  # fmt: skip


@pytest.mark.parametrize("name", ["stranger", "approver", "holder", "signatory"])
def test_only_the_owner_s_body_proposes(
    founded: None, officers: dict[str, Actor], clock: FixedClock, name: str
) -> None:
    with pytest.raises(Refused):
        applications.begin(kind="establish", owner="dma", code="other", actor=officers[name],
                           at=clock.now())  # fmt: skip


def test_a_draft_is_seen_by_its_body_alone_and_a_sent_one_by_who_approves(
    propose: Propose, officers: dict[str, Actor]
) -> None:
    row = propose(send=False)

    def sees(name: str) -> bool:
        try:
            applications.application(row.number, actor=officers[name])
        except Missing:
            return False
        return True

    before = [name for name in OFFICES if sees(name)]
    applications.submit(row.number, version=row.version, actor=officers["proposer"], at=row.made_at)
    after = [name for name in OFFICES if sees(name)]

    assert before == ["proposer", "supervisor"]
    assert after == ["proposer", "approver", "security", "privacy", "supervisor"]


def test_a_second_press_does_nothing_a_second_time(
    propose: Propose, officers: dict[str, Actor], clock: FixedClock
) -> None:
    row = propose(send=False)
    actor = officers["proposer"]
    again = applications.begin(kind="establish", owner="dma", code="training", actor=actor,
                               at=clock.now())  # fmt: skip
    first = applications.submit(row.number, version=row.version, actor=actor, at=clock.now())
    second = applications.submit(row.number, version=row.version, actor=actor, at=clock.now())
    for _ in range(2):
        applications.approve(row.number, version=first.version, role="register-approver",
                             actor=officers["approver"], reason="", at=clock.now())  # fmt: skip

    assert again.number == row.number
    assert (first.version, second.version, second.round) == (first.version, first.version, 1)
    assert kinds("application", row.number) == ["begun", "submitted", "approved"]


def test_who_read_an_older_version_is_told_so(
    propose: Propose, officers: dict[str, Actor], clock: FixedClock
) -> None:
    row = propose(send=False)
    actor = officers["proposer"]
    applications.save(row.number, version=row.version, change={"users": ["asan"]}, actor=actor)

    with pytest.raises(Conflict) as saved:
        applications.save(row.number, version=row.version, change={"users": []}, actor=actor)
    with pytest.raises(Conflict) as sent:
        applications.submit(row.number, version=row.version, actor=actor, at=clock.now())

    assert (saved.value.code, sent.value.code) == ("stateregister.changed",) * 2


def test_a_returned_application_is_corrected_and_decided_anew(
    propose: Propose, officers: dict[str, Actor], approve_all: Any, clock: FixedClock
) -> None:
    row = propose()
    approve_all(row, "security")

    back = applications.give_back(row.number, version=row.version, role="register-approver",
                                  actor=officers["approver"], reason="Ünvan göstərilməyib",
                                  at=clock.now())  # fmt: skip
    sent = applications.submit(row.number, version=back.version, actor=officers["proposer"],
                               at=clock.now())  # fmt: skip

    assert (back.state, sent.state, sent.round) == ("returned", "submitted", 2)
    assert applications.approvals(sent) == []
    assert told(row.proposer) == [f"Müraciət düzəlişə qaytarıldı: {row.number}"]


def test_a_refusal_needs_reasons_and_ends_it(
    propose: Propose, officers: dict[str, Actor], clock: FixedClock
) -> None:
    row = propose()
    decide = {"version": row.version, "role": "register-security", "at": clock.now(),
              "actor": officers["security"]}  # fmt: skip

    with pytest.raises(Invalid):
        applications.refuse(row.number, reason="yox", **decide)
    refused = applications.refuse(row.number, reason="Təhlükəsizlik sinfi səhvdir", **decide)

    assert refused.state == "refused"
    assert System.objects.filter(code="training").count() == 0
    with pytest.raises(Conflict):
        applications.approve(row.number, version=refused.version, role="register-approver",
                             actor=officers["approver"], reason="", at=clock.now())  # fmt: skip


def test_an_incomplete_description_is_not_sent(
    founded: None, officers: dict[str, Actor], clock: FixedClock
) -> None:
    actor = officers["proposer"]
    row = applications.begin(kind="establish", owner="dma", code="empty", actor=actor,
                             at=clock.now())  # fmt: skip
    row = applications.save(row.number, version=row.version, change={}, actor=actor,
                            why="Sınaq üçün yazılıb")  # fmt: skip

    with pytest.raises(Conflict) as refused:
        applications.submit(row.number, version=row.version, actor=actor, at=clock.now())

    assert refused.value.code == "stateregister.not_complete"


def test_what_another_system_holds_is_used_or_justified(propose: Propose) -> None:
    with pytest.raises(Conflict) as unanswered:
        propose(fields=[FAMILY_NAME])
    key = f"family-name@{HOLDER}"
    with pytest.raises(Conflict) as thin:
        propose(fields=[FAMILY_NAME], answers=[{"key": key, "concept": "family-name",
                "holder": HOLDER, "decision": "justify", "reason": "lazım"}])  # fmt: skip
    sent = propose(
        fields=[FAMILY_NAME],
        answers=[{"key": key, "concept": "family-name", "holder": HOLDER, "decision": "justify",
                  "reason": "Sertifikatda yazılan soyad reyestrdəkindən fərqli ola bilər"}],
    )  # fmt: skip

    assert (unanswered.value.code, thin.value.code) == ("stateregister.ask_once",) * 2
    (seen,) = applications.findings_of(sent)
    assert (seen.holder.key, seen.decision, seen.is_hint) == (HOLDER, "justify", False)
    assert seen.reason.startswith("Sertifikatda")


def test_a_name_alone_is_only_a_hint(propose: Propose) -> None:
    row = propose(fields=[{**FAMILY_NAME, "concept": ""}])

    (seen,) = applications.findings_of(row)
    assert (row.state, seen.holder.key, seen.is_hint) == ("submitted", HOLDER, True)


def test_using_what_another_holds_drafts_the_request(
    propose: Propose, approve_all: Callable[..., Application]
) -> None:
    answers = [{"key": f"family-name@{HOLDER}", "concept": "family-name", "holder": HOLDER,
                "decision": "use", "reason": ""}]  # fmt: skip

    approve_all(propose(fields=[FAMILY_NAME], answers=answers), "approver", "security", "privacy")

    (drafted,) = Accord.objects.all()
    assert (drafted.consumer.key, drafted.provider.key, drafted.state) == (
        "dma/training", HOLDER, "draft",
    )  # fmt: skip
    assert (drafted.terms["service"], drafted.terms["fields"]) == ("person", ["family"])


def test_the_term_of_the_law_ends_on_a_working_day(clock: FixedClock) -> None:
    lawful = term("decision", on=date(2026, 11, 23))

    assert (lawful.length, lawful.counted, lawful.act, lawful.is_provisional) == (
        20, "calendar", "informasiya-ehtiyatlari-reyestri", True,
    )  # fmt: skip
    # The 20th day after Monday 23 November is Sunday 13 December: the next working day counts.
    assert lawful.last_day(date(2026, 11, 23)) == date(2026, 12, 14)
    assert lawful.last_day(date(2026, 11, 24)) == date(2026, 12, 14)
    assert lawful.last_day(date(2026, 11, 25)) == date(2026, 12, 15)


@pytest.mark.parametrize(("days", "escalated"), [(20, 0), (21, 0), (22, 1)])
def test_silence_is_told_the_day_after_the_last_day_and_decides_nothing(
    propose: Propose, people: dict[str, Any], clock: FixedClock, days: int, escalated: int
) -> None:
    row = propose()
    assert row.due == date(2026, 12, 14)
    clock.advance(timedelta(days=days))

    counts = [reminders.terms(at=clock.now()) for _ in range(2)]

    row.refresh_from_db()
    assert (counts, row.state) == ([escalated, 0], "submitted")
    assert told(people["supervisor"]) == [f"Müddət keçib: {row.number}"] * escalated


def test_taken_into_use_it_stands_in_the_directory_and_closed_it_leaves_it(
    propose: Propose, approve_all: Callable[..., Application]
) -> None:
    def in_directory() -> bool:
        members = {one["id"]: one for one in directory_content("AZ")["members"]}
        return "training" in [one["code"] for one in members["AZ/GOV/dma"]["subsystems"]]

    approve_all(propose())
    established = in_directory()
    approve_all(propose("take-into-use"))
    in_use = in_directory()
    approve_all(propose("close"))

    assert (established, in_use, in_directory()) == (False, True, False)
    assert [one.number for one in reading.descriptions(reading.system("dma", "training"))] == [2, 1]


def test_a_change_is_a_new_version_with_its_differences(
    propose: Propose, approve_all: Callable[..., Application]
) -> None:
    approve_all(propose())
    approve_all(propose("change", change={"security_class": "3", "users": ["asan"]}))

    new, old = reading.descriptions(reading.system("dma", "training"))
    said = [(one.key, one.kind, one.before, one.after) for one in
            differences(old.content, new.content)]  # fmt: skip
    assert said == [
        ("users", "added", None, "asan"),
        ("security_class", "changed", "2", "3"),
    ]


def test_one_system_has_one_open_application(
    propose: Propose, approve_all: Callable[..., Application], officers: dict[str, Actor],
    clock: FixedClock,
) -> None:  # fmt: skip
    approve_all(propose())
    propose("change", send=False)

    with pytest.raises(Conflict) as refused:
        applications.begin(kind="close", owner="dma", code="training", actor=officers["proposer"],
                           at=clock.now())  # fmt: skip

    assert refused.value.code == "stateregister.application_open"


@pytest.mark.parametrize("model", [Act, Description])
def test_what_was_recorded_is_never_changed(founded: None, model: Any) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        model.objects.all().delete()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        model.objects.update(leaf_hash=b"")
