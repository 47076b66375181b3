"""Moving the running cases of a service to a newer version: prepared by one, approved by another.

Each case is moved in a transaction of its own, or stays where it is with the reason. A job that is
killed goes on where it was: what has moved is no longer of the older version.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from procrastinate.contrib.django import app

from pencere.kernel.errors import Conflict, Invalid, Missing, PencereError, Refused
from pencere.services.case import Transition
from pencere.services.difference import Fate, fate_of
from pencere.services.migration import move
from pencere.services.model.definition import Definition
from pencere.web.cases.domain import definitions
from pencere.web.cases.domain.transitions import SYSTEM, machine_of, store
from pencere.web.cases.models import Case, CaseEvent, Effect, VersionMove
from pencere.web.cases.models.effect import Status
from pencere.web.people.domain.visit import Visit
from pencere.web.people.models.person import Person

log = logging.getLogger(__name__)
LONGEST_REASON = 1000
TASK = "cases.version_move"


@dataclass(frozen=True, slots=True)
class Tried:
    """What becomes of one case; `why` is empty when it moves, else the code of the reason."""

    number: str
    state: str
    why: str


def running(service: str, version: int) -> list[tuple[str, int]]:
    """Return how many running cases of a version are in which state, most first."""
    states = Case.objects.filter(service=service, definition_version=version, closed_at=None)
    return Counter(states.values_list("state", flat=True)).most_common()


def choices(older: Definition, newer: Definition) -> dict[str, list[str]]:
    """Return the states of `older` that need a place in `newer`, each with those that fit."""
    return {
        key: [other.id for other in newer.states.values() if fate_of(state, other) is None]
        for key, state in older.states.items()
        if not state.final and fate_of(state, newer.states.get(key)) is Fate.NO_STATE
    }


def try_all(
    older: Definition, newer: Definition, states: Mapping[str, str], *, at: datetime
) -> list[Tried]:
    """Return what would become of each running case; nothing is changed."""
    found = []
    for case in _waiting(older).iterator(chunk_size=500):
        try:
            _moved(case, older, newer, states, at)
            why = ""
        except PencereError as refusal:
            why = refusal.code
        found.append(Tried(case.number, case.state, why))
    return found


@transaction.atomic
def prepare(  # noqa: PLR0913, it is all of these
    *,
    older: Definition,
    newer: Definition,
    states: Mapping[str, str],
    reason: str,
    visit: Visit,
    at: datetime,
) -> VersionMove:
    """Write down what is to be moved and why; nothing moves before somebody else approves.

    Raises:
        Refused: `case.role`.
        Invalid: `migration.reason_required`, `migration.states`.
        Conflict: `migration.not_newer`, `migration.open`: one is prepared or at work already.
    """
    if not visit.holds("catalogue-editor"):
        raise Refused("case.role", role="catalogue-editor")
    words = " ".join(reason.split())
    if not words or len(words) > LONGEST_REASON:
        raise Invalid("migration.reason_required")
    if newer.version <= older.version or newer.service != older.service:
        raise Conflict("migration.not_newer", version=newer.version)
    fitting = choices(older, newer)
    if any(target not in fitting.get(state, ()) for state, target in states.items()):
        raise Invalid("migration.states")
    try:
        with transaction.atomic():
            return VersionMove.objects.create(
                service=older.service, older=older.version, newer=newer.version,
                newer_sha256=newer.sha256, states=dict(states), reason=words,
                prepared_by=visit.person, prepared_at=at,
            )  # fmt: skip
    except IntegrityError as problem:
        raise Conflict("migration.open") from problem


@transaction.atomic
def approve(*, move_id: UUID, visit: Visit, at: datetime) -> VersionMove:
    """Let a head of the body that answers for the service agree: the job may begin.

    Raises:
        Missing: `migration.missing`. Conflict: `migration.decided`, `migration.definition`.
        Refused: `case.role`, `case.same_person`.
    """
    row = _locked(move_id)
    newer = definitions.version_of(row.service, row.newer)
    if not visit.holds("unit-head", newer.authority):
        raise Refused("case.role", role="unit-head")
    if row.prepared_by_id == visit.person.pk:
        raise Refused("case.same_person")
    if newer.sha256 != row.newer_sha256:
        raise Conflict("migration.definition")
    row.approved_by, row.approved_at = visit.person, at
    row.save(update_fields=["approved_by", "approved_at"])
    app.configure_task(TASK, queue="cases", lock=f"move:{row.pk}").defer(move_id=str(row.pk))
    return row


@transaction.atomic
def drop(*, move_id: UUID, by: Person, at: datetime) -> None:
    """Give up what one has prepared and nobody approved.

    Raises:
        Missing: `migration.missing`, also of another's. Conflict: `migration.decided`.
    """
    row = _locked(move_id)
    if row.prepared_by_id != by.pk:
        raise Missing("migration.missing")
    row.dropped_at = at
    row.save(update_fields=["dropped_at"])


def carry_out(*, move_id: UUID, at: datetime) -> VersionMove:
    """Move what can be moved. Safe to run again after it was killed.

    Raises:
        Missing: `migration.missing`.
    """
    row = VersionMove.objects.filter(pk=move_id).first()
    if row is None:
        raise Missing("migration.missing")
    if row.approved_at is None or row.finished_at is not None:
        return row
    older = definitions.version_of(row.service, row.older)
    newer = definitions.version_of(row.service, row.newer)
    if newer.sha256 != row.newer_sha256:
        raise Conflict("migration.definition")
    stayed = []
    for case_id in list(_waiting(older).values_list("pk", flat=True)):
        one = _carry_one(case_id, row, older, newer, at)
        if one is not None and one.why:
            stayed.append([one.number, one.why])
    with transaction.atomic():
        row = VersionMove.objects.select_for_update().get(pk=move_id)
        if row.finished_at is None:
            row.moved = CaseEvent.objects.filter(kind="migrated", facts__move=str(move_id)).count()
            row.stayed, row.finished_at = stayed, at
            row.save(update_fields=["moved", "stayed", "finished_at"])
    log.info(
        "version_moved service=%s from=%s to=%s moved=%s stayed=%s",
        row.service, row.older, row.newer, row.moved, len(row.stayed),
    )  # fmt: skip
    return row


@transaction.atomic
def _carry_one(
    case_id: UUID, row: VersionMove, older: Definition, newer: Definition, at: datetime
) -> Tried | None:
    """Move a case, or say why not; None: meanwhile it was closed or moved."""
    case = _waiting(older).select_for_update().filter(pk=case_id).first()
    if case is None:
        return None
    try:
        step = _moved(case, older, newer, row.states, at)
    except PencereError as refusal:
        return Tried(case.number, case.state, refusal.code)
    events = tuple(
        replace(one, facts=MappingProxyType({**one.facts, "move": str(row.pk)}))
        for one in step.events
    )
    state = case.state
    store(case=case, definition=newer, transition=replace(step, events=events), by=SYSTEM, at=at)
    Case.objects.filter(pk=case.pk).update(
        definition_version=newer.version, definition_sha256=newer.sha256
    )
    return Tried(case.number, state, "")


def _moved(
    case: Case, older: Definition, newer: Definition, states: Mapping[str, str], at: datetime
) -> Transition:
    if Effect.objects.filter(case=case).exclude(status=Status.DONE).exists():
        raise Conflict("migration.effects_running")
    return move(older, newer, machine_of(case, older), at=at, states=states)


def _waiting(older: Definition) -> QuerySet[Case]:
    return Case.objects.filter(
        service=older.service, definition_version=older.version, closed_at=None
    ).order_by("submitted_at", "pk")


def _locked(move_id: UUID) -> VersionMove:
    row = VersionMove.objects.select_for_update().filter(pk=move_id).first()
    if row is None:
        raise Missing("migration.missing")
    if row.approved_at is not None or row.dropped_at is not None:
        raise Conflict("migration.decided")
    return row
