"""Jobs of payments."""

import logging
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from procrastinate.contrib.django import app

from pencere.kernel.errors import PencereError
from pencere.web.jobs.patience import Patience
from pencere.web.payments.domain import charges, refunds

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
