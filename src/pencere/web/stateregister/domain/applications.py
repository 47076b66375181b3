"""Applications to the register: written, sent, approved by each role that must, taken into effect.

Every step locks the application's row, so two people at once take turns; who read an older
version than the one there is gets `stateregister.changed`. A step that was done already by the
same person is answered with what it led to: a second press does nothing.
"""

import copy
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Conflict, Invalid, Missing, Refused
from pencere.web.stateregister.domain import contacts, effects, once
from pencere.web.stateregister.domain.description import EMPTY, gaps, is_personal
from pencere.web.stateregister.domain.offices import PROPOSER, SUPERVISOR, Actor, need
from pencere.web.stateregister.domain.reading import description_of, document
from pencere.web.stateregister.domain.recording import next_number, record
from pencere.web.stateregister.domain.telling import tell, tell_role
from pencere.web.stateregister.domain.terms import term
from pencere.web.stateregister.domain.vocabulary import Approver, vocabulary
from pencere.web.stateregister.models import Act, Application, Kind, Stage, State, System

ABOUT = "application"
SERIES = "DR"
CODE = re.compile(r"[a-z][a-z0-9-]{1,39}")
LEAST_REASON = 10  # signs
MOST = 5000  # signs of any reason
_WRITTEN_ON = (State.DRAFT, State.RETURNED)
# Stages from which each kind may be applied for.
_FROM: Mapping[str, tuple[str, ...]] = {
    Kind.TAKE_INTO_USE: (Stage.ESTABLISHED,),
    Kind.CHANGE: (Stage.ESTABLISHED, Stage.IN_USE),
    Kind.CLOSE: (Stage.ESTABLISHED, Stage.IN_USE),
}


def begin(*, kind: str, owner: str, code: str, actor: Actor, at: datetime) -> Application:
    """Begin an application, or return the one of this kind that is open.

    Raises:
        Refused: `stateregister.not_yours`.
        Invalid: `stateregister.kind`, `stateregister.code`.
        Conflict: `stateregister.exists`, `stateregister.stage`, `stateregister.application_open`.
    """
    need(actor, PROPOSER, owner)
    if kind not in Kind.values:
        raise Invalid("stateregister.kind")
    if not CODE.fullmatch(code):
        raise Invalid("stateregister.code")
    system = System.objects.filter(owner_id=owner, code=code).first()
    content, base = copy.deepcopy(dict(EMPTY)), 0
    if kind == Kind.ESTABLISH:
        if system is not None:
            raise Conflict("stateregister.exists")
        content["operator"] = owner
    else:
        if system is None or system.stage not in _FROM[kind]:
            raise Conflict("stateregister.stage")
        newest = description_of(system)
        content, base = copy.deepcopy(newest.content), newest.number
    row = Application(kind=kind, owner_id=owner, code=code, system=system, base=base,
                      content=content)  # fmt: skip
    there = open_one(row, actor=actor, role=PROPOSER, body=owner, at=at)
    if there.kind != kind:
        raise Conflict("stateregister.application_open")
    return there


def open_one(row: Application, *, actor: Actor, role: str, body: str, at: datetime) -> Application:
    """Give a new application its number and keep it; return the one that is open, if one is.

    Raises:
        Conflict: `stateregister.application_open`: another one was, and has just been closed.
    """
    try:
        with transaction.atomic():
            row.number, row.proposer = next_number(SERIES, on=local_date(at)), actor.person
            row.made_at = at
            row.save(force_insert=True)
            record(ABOUT, row.number, "begun", person=actor.person, at=at, body=body, role=role)
            return row
    except IntegrityError:
        there = Application.objects.filter(
            owner_id=row.owner_id, code=row.code,
            state__in=[State.DRAFT, State.RETURNED, State.SUBMITTED],
        ).first()  # fmt: skip
        if there is None:
            raise Conflict("stateregister.application_open") from None
        return there


@transaction.atomic
def save(
    number: str, *, version: int, change: Mapping[str, Any], actor: Actor, why: str | None = None
) -> Application:
    """Write a part of the content; `change` has keys of `description.EMPTY` only.

    Raises:
        Missing, Refused, Conflict: see the module.
        Invalid: `stateregister.content`, and as `contacts.check`.
    """
    row = _locked(number)
    need(actor, PROPOSER, row.owner_id)
    _written_on(row, version)
    if not change.keys() <= EMPTY.keys():
        raise Invalid("stateregister.content")
    contacts.check(change.get("contacts", ()))
    for key, value in change.items():
        row.content[key] = value
    if why is not None:
        row.why = why.strip()[:MOST]
    # Who wrote last proposes: four eyes look at that person too.
    row.proposer = actor.person
    row.version += 1
    row.save(update_fields=["content", "why", "proposer", "version"])
    return row


@transaction.atomic
def submit(number: str, *, version: int, actor: Actor, at: datetime) -> Application:
    """Send it to those who approve; the term of the law begins.

    Raises:
        Conflict: `stateregister.not_complete` (a section lacks something), `stateregister.ask_once`
            (what another holds is neither used nor justified), `stateregister.why_needed`.
    """
    row = _locked(number)
    need(actor, PROPOSER, row.owner_id)
    if row.state == State.SUBMITTED and version in {row.version, row.version - 1}:
        return row
    _written_on(row, version)
    today = local_date(at)
    if len(row.why) < LEAST_REASON:
        raise Conflict("stateregister.why_needed")
    if row.kind != Kind.CLOSE:
        if gaps(row.content, on=today):
            raise Conflict("stateregister.not_complete")
        if once.undecided(findings_of(row)):
            raise Conflict("stateregister.ask_once")
        for one in row.content["documents"]:
            document(bytes.fromhex(one["sha256"]))
    lawful = term("decision", on=today)
    row.state, row.round, row.version = State.SUBMITTED, row.round + 1, row.version + 1
    row.proposer, row.submitted_at = actor.person, at
    row.due, row.term = lawful.last_day(today), lawful.as_json()
    row.save()
    _act(row, "submitted", actor, role=PROPOSER, reason=row.why, at=at, details={
        "content": effects.digest(row.content), "due": row.due.isoformat(), "term": row.term,
    })  # fmt: skip
    for one in needed(row):
        tell_role(one.role, one.body, "submitted", key=f"{number}:{row.round}", subject=number,
                  at=at, number=number, name=name_of(row), day=row.due)  # fmt: skip
    return row


@transaction.atomic
def approve(  # noqa: PLR0913, a decision is all of these
    number: str, *, version: int, role: str, actor: Actor, reason: str, at: datetime
) -> Application:
    """Approve in one role; the last role that must makes it take effect, in this transaction.

    Raises:
        Refused: `stateregister.not_yours`, `stateregister.own_proposal`, `stateregister.one_role`.
        Conflict: `stateregister.changed`, `stateregister.decided`.
    """
    row = _locked(number)
    _approver(row, role, actor)
    given = approvals(row)
    if any(one.role == role and one.person_id == actor.person.pk for one in given):
        return row
    _deciding(row, version)
    if any(one.person_id == actor.person.pk for one in given):
        raise Refused("stateregister.one_role")
    if any(one.role == role for one in given):
        raise Conflict("stateregister.decided")
    _act(row, "approved", actor, role=role, reason=reason.strip()[:MOST], at=at)
    if {one.role for one in needed(row)} <= {role, *(one.role for one in given)}:
        row.state, row.closed_at, row.version = State.APPROVED, at, row.version + 1
        row.system = effects.take_effect(row, at=at)
        row.save(update_fields=["state", "closed_at", "version", "system"])
        _act(row, "took-effect", None, at=at)
        _tell_proposer(row, "approved", at=at)
    return row


@transaction.atomic
def give_back(  # noqa: PLR0913, a decision is all of these
    number: str, *, version: int, role: str, actor: Actor, reason: str, at: datetime
) -> Application:
    """Return it for correction, with what must be corrected; sent again its term begins anew."""
    row = _decided(number, version, role, actor, reason, State.RETURNED)
    if row.state != State.RETURNED:
        row.state, row.version, row.due = State.RETURNED, row.version + 1, None
        row.save(update_fields=["state", "version", "due"])
        _act(row, "returned", actor, role=role, reason=reason.strip()[:MOST], at=at)
        _tell_proposer(row, "returned", at=at)
    return row


@transaction.atomic
def refuse(  # noqa: PLR0913, a decision is all of these
    number: str, *, version: int, role: str, actor: Actor, reason: str, at: datetime
) -> Application:
    """Refuse it with reasons; that ends it."""
    row = _decided(number, version, role, actor, reason, State.REFUSED)
    if row.state != State.REFUSED:
        row.state, row.version, row.closed_at = State.REFUSED, row.version + 1, at
        row.save(update_fields=["state", "version", "closed_at"])
        _act(row, "refused", actor, role=role, reason=reason.strip()[:MOST], at=at)
        _tell_proposer(row, "refused", at=at)
    return row


@transaction.atomic
def withdraw(number: str, *, version: int, actor: Actor, at: datetime) -> Application:
    """Take it back; the owner's body may until it is decided."""
    row = _locked(number)
    need(actor, PROPOSER, row.owner_id)
    if row.state == State.WITHDRAWN:
        return row
    if row.state not in {State.DRAFT, State.RETURNED, State.SUBMITTED}:
        raise Conflict("stateregister.decided")
    if row.version != version:
        raise Conflict("stateregister.changed")
    row.state, row.version, row.closed_at = State.WITHDRAWN, row.version + 1, at
    row.save(update_fields=["state", "version", "closed_at"])
    _act(row, "withdrawn", actor, role=PROPOSER, at=at)
    return row


def application(number: str, *, actor: Actor) -> Application:
    """Return an application to its body, to approvers once it was sent, to the supervisor.

    Raises:
        Missing: `stateregister.no_application`: none, or not for this person.
    """
    row = Application.objects.select_related("owner", "system", "proposer").filter(
        number=number
    ).first()  # fmt: skip
    if row is not None:
        may_approve = row.round > 0 and any(
            actor.holds(one.role, one.body) for one in vocabulary().approvers.values()
        )
        if actor.holds(PROPOSER, row.owner_id) or actor.holds(SUPERVISOR) or may_approve:
            return row
    raise Missing("stateregister.no_application")


def findings_of(row: Application) -> list[once.Finding]:
    """Return what others already hold of what this application's system would collect."""
    return once.findings(row.content, own=f"{row.owner_id}/{row.code}")


def needed(row: Application) -> list[Approver]:
    """Return who must approve: the register, security, and where persons are concerned privacy."""
    on = local_date(row.submitted_at or row.made_at)
    personal = is_personal(row.content, on=on)
    return [one for one in vocabulary().approvers.values() if personal or one.when == "always"]


def approvals(row: Application) -> list[Act]:
    """Return the approvals of the present round."""
    return list(
        Act.objects.filter(
            about=ABOUT, subject=row.number, round=row.round, kind="approved"
        ).select_related("person")
    )


def waiting_roles(row: Application) -> list[Approver]:
    """Return the roles that have not approved yet."""
    given = {one.role for one in approvals(row)}
    return [one for one in needed(row) if one.role not in given]


def may_approve(row: Application, actor: Actor) -> list[Approver]:
    """Return the roles in which this person could decide now."""
    if row.state != State.SUBMITTED or _proposed(row, actor):
        return []
    if any(one.person_id == actor.person.pk for one in approvals(row)):
        return []
    return [one for one in waiting_roles(row) if actor.holds(one.role, one.body)]


def name_of(row: Application) -> dict[str, str]:
    """Return the name of the system in its languages; its code where nothing is written."""
    names = row.content.get("names", {})
    first = names.get("az") or f"{row.owner_id}/{row.code}"
    return {language: names.get(language) or first for language in ("az", "en", "ru")}


def _locked(number: str) -> Application:
    row = (
        Application.objects.select_for_update(of=("self",))
        .select_related("owner", "system", "proposer")
        .filter(number=number)
        .first()
    )
    if row is None:
        raise Missing("stateregister.no_application")
    return row


def _written_on(row: Application, version: int) -> None:
    if row.state not in _WRITTEN_ON:
        raise Conflict("stateregister.decided")
    if row.version != version:
        raise Conflict("stateregister.changed")


def _deciding(row: Application, version: int) -> None:
    if row.state != State.SUBMITTED:
        raise Conflict("stateregister.decided")
    if row.version != version:
        raise Conflict("stateregister.changed")


def _approver(row: Application, role: str, actor: Actor) -> None:
    wanted = {one.role: one for one in needed(row)}.get(role)
    if wanted is None or not actor.holds(role, wanted.body):
        raise Refused("stateregister.not_yours")
    if _proposed(row, actor):
        raise Refused("stateregister.own_proposal")


def _proposed(row: Application, actor: Actor) -> bool:
    """Say whether the person wrote or sent this application in any round."""
    return row.proposer_id == actor.person.pk or (
        Act.objects.filter(
            about=ABOUT,
            subject=row.number,
            person=actor.person,
            kind__in=["begun", "submitted"],
        ).exists()
    )


def _decided(  # noqa: PLR0913, PLR0917 - a decision is all of these
    number: str, version: int, role: str, actor: Actor, reason: str, outcome: State
) -> Application:
    row = _locked(number)
    _approver(row, role, actor)
    if row.state == outcome and Act.objects.filter(
        about=ABOUT, subject=number, round=row.round, role=role, person=actor.person,
        kind=outcome.value,
    ).exists():  # fmt: skip
        return row
    _deciding(row, version)
    if len(reason.strip()) < LEAST_REASON:
        raise Invalid("stateregister.reason_needed")
    return row


def _act(  # noqa: PLR0913, an act is all of these
    row: Application,
    kind: str,
    actor: Actor | None,
    *,
    at: datetime,
    role: str = "",
    reason: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    body = row.owner_id
    if role != PROPOSER and role in vocabulary().approvers:
        body = vocabulary().approvers[role].body
    record(ABOUT, row.number, kind, person=None if actor is None else actor.person, at=at,
           body=body, role=role, reason=reason, of_round=row.round,
           details=details)  # fmt: skip


def _tell_proposer(row: Application, what: str, *, at: datetime) -> None:
    tell(row.proposer, what, key=f"{row.number}:{row.round}:{what}", subject=row.number, at=at,
         number=row.number, name=name_of(row))  # fmt: skip
