"""Jobs of payments."""

import logging
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from procrastinate.contrib.django import app

from pencere.kernel.errors import PencereError
from pencere.web.jobs.patience import Patience
from pencere.web.payments.domain import charges, days, refunds

log = logging.getLogger(__name__)

# A callback that is late is asked for; the bank's own retries are faster than this.
SILENCE = timedelta(minutes=2)


@app.task(
    name=refunds.TASK,
    queue=refunds.QUEUE,
    retry=Patience(),
)
def give_back(refund_id: str) -> None:
    """Return money; tried again while the provider does not answer."""
    refunds.give_back(refund_id=UUID(refund_id), at=settings.CLOCK.now())


@app.periodic(cron="* * * * *")
@app.task(name="payments.poll", queue="payments", queueing_lock="payments.poll")
def poll_silent(timestamp: int) -> None:
    """Ask about charges of which nothing was heard, and expire those nobody started."""
    now = settings.CLOCK.now()
    for charge_id in charges.due_for_poll(at=now, older_than=SILENCE):
        try:
            charges.poll(charge_id=charge_id, at=now)
        except PencereError as error:
            log.warning("payment_poll_failed charge=%s code=%s", charge_id, error.code)
    charges.expire_unstarted(at=now)


@app.periodic(cron="30 * * * *")
@app.task(name="payments.reconcile", queue="payments", queueing_lock="payments.reconcile")
def reconcile(timestamp: int) -> None:
    """Compare every day that is over and not closed with the bank's statement."""
    now = settings.CLOCK.now()
    for day in days.to_compare(at=now):
        try:
            left = days.reconcile(day=day, at=now)
        except PencereError as error:
            log.warning("payments_reconcile_failed day=%s code=%s", day, error.code)
        else:
            if left:
                log.warning("payments_differences day=%s count=%s", day, len(left))
