"""Running one effect of a case, and enqueueing those that waited for it."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import QuerySet

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Conflict, Missing, PencereError, Unavailable
from pencere.services import effects as engine
from pencere.services.case import Decision
from pencere.services.model.casework import Effect as Defined
from pencere.web.cases.domain.effects import issue, refund, tell, write
from pencere.web.cases.domain.outbox import TASK, enqueue
from pencere.web.cases.domain.reading import Opened, open_case, told_before
from pencere.web.cases.domain.sealing import seal, unseal
from pencere.web.cases.models import Case, Effect
from pencere.web.cases.models.effect import Status
from pencere.web.exchange import Gateway

log = logging.getLogger(__name__)

# A fault of our own, not one that a register or a service has named.
INTERNAL = "effect.internal"

_FORGET_FAILED_JOBS = """
delete from procrastinate_jobs
where status = 'failed' and task_name = %s and (args ->> 'effect_id')::bigint = %s
"""


def run(*, effect_id: int, gateway: Gateway, at: datetime) -> Status:
    """Do an effect unless it is done, and return where it stands.

    Raises:
        Unavailable: something does not answer; the effect waits and is to be run again.
        PencereError: it cannot be done; kept with its code for the officer to see.
    """
    effect = Effect.objects.select_related("case", "case__person").get(pk=effect_id)
    if effect.status == Status.DONE:
        return Status.DONE
    if Effect.objects.filter(key__in=effect.waits_for).exclude(status=Status.DONE).exists():
        return Status.PENDING  # enqueued again when the last of them is done
    try:
        result = _do(effect, gateway=gateway, at=at)
    except Unavailable as error:
        _note(effect, Status.WAITING, error, at=at)
        raise
    except PencereError as error:
        _note(effect, Status.FAILED, error, at=at)
        log.error("effect_failed effect=%s code=%s", effect.key, error.code)  # noqa: TRY400
        raise
    except (DatabaseError, InterfaceError):  # nothing can be noted now; the job is tried again
        raise
    except Exception as error:
        _note(effect, Status.FAILED, PencereError(INTERNAL), at=at)
        log.exception("effect_failed effect=%s error=%s", effect.key, type(error).__name__)
        raise
    _finish(effect, result, at=at)
    return Status.DONE


def failed_of(case: Case) -> QuerySet[Effect]:
    """Return the effects of a case that were given up, in their order."""
    return Effect.objects.filter(case=case, status=Status.FAILED)


@transaction.atomic
def retry(*, effect_id: int) -> Effect:
    """Try an effect again that was given up, when its cause is mended.

    What it did before it failed is not done again: its key stays the same.

    Raises:
        Missing: "effect.missing".
        Conflict: "effect.not-failed": it is done, or already waits for its turn.
    """
    effect = Effect.objects.select_for_update().filter(pk=effect_id).first()
    if effect is None:
        raise Missing("effect.missing")
    if effect.status != Status.FAILED:
        raise Conflict("effect.not-failed")
    effect.status, effect.problem = Status.PENDING, ""
    effect.save(update_fields=["status", "problem"])
    with connection.cursor() as cursor:  # else `doctor` would report them for ever
        cursor.execute(_FORGET_FAILED_JOBS, [TASK, effect.pk])
    enqueue(effect.pk)
    log.info("effect_retried effect=%s", effect.key)
    return effect


def _do(effect: Effect, *, gateway: Gateway, at: datetime) -> Mapping[str, Any]:
    opened = open_case(effect.case, at=at)
    # What only the body sees counts for the effects of its decision, as it was then.
    facts = {**opened.context["facts"], **told_before(effect.case).values}
    opened = replace(opened, context={**opened.context, "facts": facts})
    defined = _defined(opened, effect)
    prepared = engine.prepare(opened.definition, defined, _context(opened, effect))
    match prepared:
        case engine.Write():
            return write.do(effect, prepared, opened, gateway=gateway, at=at)
        case engine.Issue():
            return issue.do(effect, prepared, opened, at=at)
        case engine.Tell():
            return tell.do(effect, prepared, opened, at=at)
        case engine.Refund():
            return refund.do(effect, at=at)


def _defined(opened: Opened, effect: Effect) -> Defined:
    state = opened.definition.states[effect.state]
    return next(defined for defined in state.effects if defined.id == effect.name)


def _context(opened: Opened, effect: Effect) -> dict[str, Any]:
    decision = opened.machine.decision
    done = Effect.objects.filter(case=effect.case, status=Status.DONE)
    results = {one.name: unseal(one.result_sealed, effect.case.id.bytes) or {} for one in done}
    entered = opened.machine.entered_at
    return {
        **opened.context,
        "case": {
            "number": effect.case.number,
            "state": effect.state,
            "decided_on": local_date(decision.at if decision is not None else entered).isoformat(),
            "reasons": _reasons(opened, decision),
            "comment": decision.comment if decision is not None else "",
        },
        "effects": results,
        # What an effect does is worked out for the day it was planned, however late it runs.
        "today": local_date(effect.planned_at),
    }


def _reasons(opened: Opened, decision: Decision | None) -> list[str]:
    """Return the grounds of the decision as the applicant reads them."""
    if decision is None:
        return []
    named = {
        reason.id: reason.text.in_language(opened.case.language)
        for state in opened.definition.states.values()
        for action in state.actions
        if action.id == decision.action
        for reason in action.reasons
    }
    return [named.get(reason, reason) for reason in decision.reasons]


def _note(effect: Effect, status: Status, error: PencereError, *, at: datetime) -> None:
    Effect.objects.filter(pk=effect.pk).exclude(status=Status.DONE).update(
        status=status, problem=error.code[:120], tried_at=at, attempts=effect.attempts + 1
    )


def _finish(effect: Effect, result: Mapping[str, Any], *, at: datetime) -> None:
    with transaction.atomic():
        row = Effect.objects.select_for_update().get(pk=effect.pk)
        if row.status == Status.DONE:
            return
        row.status, row.problem, row.done_at, row.tried_at = Status.DONE, "", at, at
        row.attempts += 1
        row.result_sealed = seal(dict(result), effect.case.id.bytes)
        row.save()
        for other in Effect.objects.filter(case=effect.case).exclude(status=Status.DONE):
            if effect.key in other.waits_for:
                enqueue(other.pk)
    log.info("effect_done effect=%s", effect.key)
