"""Running cases move to a newer version: of two people, each by itself, nothing done again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from tests.web.newer_service import SERVICE, newer_country

from pencere.countries import Country
from pencere.kernel.clock import FixedClock
from pencere.kernel.errors import Conflict, Invalid, Missing, Refused
from pencere.services.case import Actor
from pencere.services.model.common import Role
from pencere.services.model.definition import Definition
from pencere.web.cases.domain import acting, definitions, migrating, reading
from pencere.web.cases.models import Case, CaseEvent, Effect, VersionMove
from pencere.web.people.domain.visit import Office, Visit
from pencere.web.people.models import Person

__all__ = ["newer_country"]


@pytest.fixture
def case(sent: Case, newer_country: Country, monkeypatch: pytest.MonkeyPatch) -> Case:
    """A case in review of version 1, for which a version 2 has come; nothing is left to be done."""
    monkeypatch.setattr(definitions, "country", lambda: newer_country)
    Effect.objects.filter(case=sent).update(status="done")
    assert (sent.state, sent.definition_version) == ("review", 1)
    return sent


@pytest.fixture
def versions(case: Case) -> tuple[Definition, Definition]:
    return definitions.version_of(SERVICE, 1), definitions.version_of(SERVICE, 2)


@pytest.fixture
def editor(make_person: Callable[..., Person]) -> Person:
    return make_person("2RSAD76")


@pytest.fixture
def head(make_person: Callable[..., Person], clock: FixedClock) -> Visit:
    return Visit(1, make_person("4GLNR29"), "high", clock.now(), (Office("dyp", "unit-head"),))


def prepared(versions: tuple[Definition, Definition], by: Person, **changes: Any) -> VersionMove:
    facts: dict[str, Any] = {"states": {"review": "desk"}, "reason": "Yeni qanun."} | changes
    older, newer = versions
    visit = Visit(2, by, "high", settings.CLOCK.now(), (Office("idda", "catalogue-editor"),))
    return migrating.prepare(
        older=older, newer=newer, visit=visit, at=settings.CLOCK.now(), **facts
    )


def approved(move: VersionMove, head: Visit) -> VersionMove:
    return migrating.approve(move_id=move.pk, visit=head, at=settings.CLOCK.now())


def test_a_dry_run_says_what_would_become_of_each_and_changes_nothing(
    case: Case, versions: tuple[Definition, Definition], clock: FixedClock
) -> None:
    older, newer = versions
    before = case.version

    lost = migrating.try_all(older, newer, {}, at=clock.now())
    found = migrating.try_all(older, newer, {"review": "desk"}, at=clock.now())

    case.refresh_from_db()
    assert [(one.number, one.why) for one in lost] == [(case.number, "migration.no_state")]
    assert [(one.number, one.why) for one in found] == [(case.number, "")]
    assert (case.version, case.definition_version) == (before, 1)
    assert migrating.running(SERVICE, 1) == [("review", 1)]
    assert migrating.choices(older, newer) == {"review": ["desk"]}


def test_a_case_moves_once_two_people_have_decided_and_can_be_decided_there(
    case: Case, versions: tuple[Definition, Definition], editor: Person, head: Visit, registers: Any
) -> None:
    due = case.due
    move = prepared(versions, editor)
    early = migrating.carry_out(move_id=move.pk, at=settings.CLOCK.now())
    approved(move, head)
    done = migrating.carry_out(move_id=move.pk, at=settings.CLOCK.now())
    again = migrating.carry_out(move_id=move.pk, at=settings.CLOCK.now() + timedelta(hours=1))

    case.refresh_from_db()
    assert early.finished_at is None
    assert (done.moved, done.stayed, again.finished_at) == (1, [], done.finished_at)
    assert (case.state, case.definition_version, case.due) == ("desk", 2, due)
    assert case.definition_sha256 == versions[1].sha256
    (event,) = CaseEvent.objects.filter(case=case, kind="migrated")
    assert event.facts == {"from": 1, "to": 2, "state": "review", "move": str(move.pk)}
    granted = acting.act(
        case=case, action="grant", by=Actor("X", frozenset({Role.OFFICER})), officer=editor,
        version=case.version, gateway=registers, at=settings.CLOCK.now(),
    )  # fmt: skip
    assert granted.state == "granted"
    assert reading.open_case(granted, at=settings.CLOCK.now()).definition.version == 2


def test_a_case_with_an_effect_at_work_stays_with_the_reason(
    case: Case, versions: tuple[Definition, Definition], editor: Person, head: Visit
) -> None:
    Effect.objects.create(
        case=case, key="k:1", name="told", state="review", kind="tell", status="waiting",
        planned_at=settings.CLOCK.now(),
    )  # fmt: skip

    move = approved(prepared(versions, editor), head)
    done = migrating.carry_out(move_id=move.pk, at=settings.CLOCK.now())

    case.refresh_from_db()
    assert (done.moved, done.stayed) == (0, [[case.number, "migration.effects_running"]])
    assert (case.state, case.definition_version) == ("review", 1)


def test_what_was_killed_in_the_middle_goes_on(
    case: Case, versions: tuple[Definition, Definition], editor: Person, head: Visit
) -> None:
    move = approved(prepared(versions, editor), head)
    migrating._carry_one(case.pk, move, *versions, settings.CLOCK.now())

    done = migrating.carry_out(move_id=move.pk, at=settings.CLOCK.now())

    assert (done.moved, done.stayed) == (1, [])
    assert CaseEvent.objects.filter(case=case, kind="migrated").count() == 1


def test_who_may_not_does_not(
    versions: tuple[Definition, Definition], editor: Person, head: Visit
) -> None:
    move = prepared(versions, editor)
    refusals = []
    for visit in (
        replace(head, offices=(Office("dyp", "officer"),)),
        replace(head, offices=(Office("mia", "unit-head"),)),
        replace(head, person=editor),
    ):
        with pytest.raises(Refused) as caught:
            migrating.approve(move_id=move.pk, visit=visit, at=settings.CLOCK.now())
        refusals.append(caught.value.code)

    move.refresh_from_db()
    assert refusals == ["case.role", "case.role", "case.same_person"]
    assert move.approved_by is None


def test_one_at_a_time_with_a_reason_to_a_state_that_fits(
    versions: tuple[Definition, Definition], editor: Person, head: Visit
) -> None:
    for changes, code in (
        ({"reason": " \n"}, "migration.reason_required"),
        ({"reason": "x" * 1001}, "migration.reason_required"),
        ({"states": {"review": "granted"}}, "migration.states"),
        ({"states": {"mending": "desk"}}, "migration.states"),
        ({"states": {"nothing": "desk"}}, "migration.states"),
    ):
        with pytest.raises(Invalid) as caught:
            prepared(versions, editor, **changes)
        assert caught.value.code == code
    first = prepared(versions, editor)
    with pytest.raises(Conflict) as twice:
        prepared(versions, editor)
    migrating.drop(move_id=first.pk, by=editor, at=settings.CLOCK.now())
    second = prepared(versions, editor)

    assert twice.value.code == "migration.open"
    assert second.pk != first.pk
    with pytest.raises(Conflict) as dropped:
        approved(first, head)
    assert dropped.value.code == "migration.decided"
    with pytest.raises(Missing):
        approved(VersionMove(), head)
