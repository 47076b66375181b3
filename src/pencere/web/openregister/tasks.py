"""Jobs of the open register."""

import logging

from django.conf import settings
from procrastinate.contrib.django import app

from pencere.web.openregister.domain import bulk
from pencere.web.openregister.domain.snapshot import snapshot

log = logging.getLogger(__name__)


@app.periodic(cron="*/10 * * * *")
@app.task(name="openregister.bulk", queue="openregister", queueing_lock="openregister.bulk")
def make_bulk(timestamp: int) -> None:
    """Write the bulk files anew where the register changed."""
    del timestamp
    log.info("bulk_made files=%d", bulk.make(snapshot(), at=settings.CLOCK.now()))
