"""Jobs of cases."""

import logging
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from procrastinate.contrib.django import app

from pencere.kernel.errors import PencereError
from pencere.web.cases.domain import (
    drafts,
    forgetting,
    housekeeping,
    migrating,
    quarantine,
    reminding,
)
from pencere.web.cases.domain.effects import run
from pencere.web.cases.domain.outbox import QUEUE, TASK, enqueue
from pencere.web.cases.models import Effect
from pencere.web.cases.models.effect import Status
from pencere.web.exchange import gateway
from pencere.web.jobs.patience import Patience

log = logging.getLogger(__name__)

# An effect planned this long ago has a job, or had one that was lost.
FORGOTTEN = timedelta(minutes=2)


@app.task(name=TASK, queue=QUEUE, retry=Patience())
def do_effect(effect_id: int) -> None:
    """Do one effect; waits while a register does not answer."""
    run.run(effect_id=effect_id, gateway=gateway(), at=settings.CLOCK.now())


@app.task(name=migrating.TASK, queue="cases", retry=Patience())
def move_to_version(move_id: str) -> None:
    """Move the running cases of a service to a newer version, as two people decided."""
    migrating.carry_out(move_id=UUID(move_id), at=settings.CLOCK.now())


@app.periodic(cron="* * * * *")
@app.task(name="cases.minute", queue="cases", queueing_lock="cases.minute")
def every_minute(timestamp: int) -> None:
    """Let nothing be forgotten: effects without a job, time that passed, old drafts."""
    now = settings.CLOCK.now()
    lost = Effect.objects.filter(
        status__in=[Status.PENDING, Status.WAITING], planned_at__lt=now - FORGOTTEN
    )
    for effect_id in lost.values_list("id", flat=True)[:500]:
        enqueue(effect_id)
    drafts.forget_old_facts(at=now)
    for draft in drafts.expired(at=now):
        housekeeping.let_expire(draft=draft, at=now)


@app.periodic(cron="7 * * * *")
@app.task(name="cases.tick", queue="cases", queueing_lock="cases.tick")
def every_hour(timestamp: int) -> None:
    """Let time pass in cases: timers that are due, terms a body let go by, reminders.

    One case that fails stops no other: whatever is wrong with it is logged, and it is tried again
    in an hour.
    """
    now = settings.CLOCK.now()
    for case_id in housekeeping.open_cases():
        try:
            if not housekeeping.tick(case_id=case_id, at=now):
                reminding.remind(case_id=case_id, at=now)
        except PencereError as error:
            log.error("tick_failed case=%s code=%s", case_id, error.code)  # noqa: TRY400
        except Exception as error:  # whatever is wrong with one
            log.error("tick_failed case=%s code=%s", case_id, type(error).__name__)  # noqa: TRY400


@app.periodic(cron="*/10 1-4 * * *")
@app.task(name="cases.forget", queue="cases", queueing_lock="cases.forget")
def every_night(timestamp: int) -> None:
    """Forget the cases whose time of keeping is over; one that fails stops no other."""
    now = settings.CLOCK.now()
    forgetting.date_old_ones()
    for case_id in forgetting.due(at=now):
        try:
            forgetting.forget(case_id=case_id, at=now)
        except Exception as error:  # whatever is wrong with one
            log.error("forget_failed case=%s code=%s", case_id, type(error).__name__)  # noqa: TRY400


@app.periodic(cron="*/2 * * * *")
@app.task(name="cases.look_again", queue="cases", queueing_lock="cases.look_again")
def look_at_quarantine(timestamp: int) -> None:
    """Have files checked that nobody could check when they came."""
    quarantine.look_again()
