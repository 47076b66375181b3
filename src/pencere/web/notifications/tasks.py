"""Jobs: people are told of what registers said about them within a minute or two."""

import logging

from django.conf import settings
from procrastinate.contrib.django import app

from pencere.kernel.errors import Unavailable
from pencere.web.exchange.gateway import gateway
from pencere.web.notifications.domain import events

log = logging.getLogger(__name__)


@app.periodic(cron="* * * * *")
@app.task(name="notifications.events", queue="notifications", queueing_lock="notifications.events")
def tell(timestamp: int) -> None:
    """Read the events that arrived at the portal's node, and tell whom they are about."""
    del timestamp
    try:
        told = events.tell_news(gateway(), at=settings.CLOCK.now())
    except Unavailable:
        log.warning("events_unavailable")
        return
    if told:
        log.info("events_told count=%d", told)
