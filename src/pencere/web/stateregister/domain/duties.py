"""Periodic checks that a system owes: begun with it, reminded of, done, and due again."""

from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from django.db import transaction

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Invalid, Missing
from pencere.web.country import country
from pencere.web.stateregister.domain.description import is_personal
from pencere.web.stateregister.domain.offices import PROPOSER, Actor, need
from pencere.web.stateregister.domain.recording import record
from pencere.web.stateregister.domain.telling import tell_role
from pencere.web.stateregister.domain.vocabulary import vocabulary
from pencere.web.stateregister.models import Duty, Stage, System

LEAST_RESULT = 10  # signs


def begin(system: System, content: Mapping[str, Any], *, at: datetime) -> None:
    """Give a system the checks that it owes and does not have yet."""
    today = local_date(at)
    personal = is_personal(content, on=today)
    for check in vocabulary().checks.values():
        if check.when == "personal" and not personal:
            continue
        if not Duty.objects.filter(system=system, kind=check.kind, done_on=None).exists():
            Duty.objects.create(system=system, kind=check.kind, due=_due(today, check.months))


@transaction.atomic
def done(duty_id: int, *, actor: Actor, result: str, at: datetime) -> Duty:
    """Note that a check was done, with its result in words; the next one is due in its time.

    Raises:
        Missing: `stateregister.no_duty`.
        Refused: `stateregister.not_yours`.
        Invalid: `stateregister.reason_needed`.
    """
    duty = Duty.objects.select_for_update().select_related("system").filter(pk=duty_id).first()
    if duty is None:
        raise Missing("stateregister.no_duty")
    need(actor, PROPOSER, duty.system.owner_id)
    if duty.done_on is not None:
        return duty
    if len(result.strip()) < LEAST_RESULT:
        raise Invalid("stateregister.reason_needed")
    duty.done_on = local_date(at)
    duty.save(update_fields=["done_on"])
    record("duty", f"{duty.system.key} {duty.kind} {duty.due.isoformat()}", "done",
           person=actor.person, body=duty.system.owner_id, role=PROPOSER, reason=result.strip(),
           at=at)  # fmt: skip
    check = vocabulary().checks.get(duty.kind)
    if check is not None:
        Duty.objects.create(
            system=duty.system, kind=duty.kind, due=_due(local_date(at), check.months)
        )
    return duty


@transaction.atomic
def remind(*, at: datetime) -> int:
    """Tell owners of checks whose date is near or past, each step once; return how many."""
    today, count = local_date(at), 0
    steps = sorted(vocabulary().remind, reverse=True)
    waiting = (
        Duty.objects.select_for_update(of=("self",))
        .select_related("system")
        .filter(done_on=None, system__is_active=True, system__stage=Stage.IN_USE)
    )
    for duty in waiting:
        left = (duty.due - today).days
        reached = [step for step in steps if left <= step and step not in duty.reminded]
        if not reached:
            continue
        duty.reminded = [*duty.reminded, *reached]
        duty.save(update_fields=["reminded"])
        tell_role(
            PROPOSER, duty.system.owner_id, "duty_late" if left < 0 else "duty_near",
            key=f"duty:{duty.pk}:{min(reached)}", subject=duty.system.key, at=at,
            name=duty.system.names, duty=vocabulary().word("duty", duty.kind).as_mapping(),
            day=duty.due,
        )  # fmt: skip
        count += 1
    return count


def open_duties(bodies: frozenset[str] | None) -> Iterator[Duty]:
    """Give open checks of these bodies, of all with None, the nearest first."""
    found = Duty.objects.filter(done_on=None, system__is_active=True).select_related(
        "system__owner"
    )
    if bodies is not None:
        found = found.filter(system__owner_id__in=bodies)
    yield from found.order_by("due", "system_id")


def _due(start: date, months: int) -> date:
    """Return the same day so many months later, or the next working day."""
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    last = monthrange(year, month + 1)[1]
    return country().calendar.working.on_or_after(date(year, month + 1, min(start.day, last)))
