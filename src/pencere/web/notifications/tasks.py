"""Jobs: people are told of what registers said about them, and by mail of what waits for them."""

import logging

from django.conf import settings
from procrastinate.contrib.django import app

from pencere.kernel.errors import Unavailable
from pencere.web.exchange.gateway import gateway
from pencere.web.notifications.domain import events, outgoing, smtp

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


@app.periodic(cron="* * * * *")
@app.task(name="notifications.mail", queue="notifications", queueing_lock="notifications.mail")
def send(timestamp: int) -> None:
    """Send the mail that is due, when the operator has a server."""
    del timestamp
    server = smtp.mailer(settings.INSTALLATION.secrets)
    if server is None:
        return
    sent = outgoing.send_due(server, at=settings.CLOCK.now())
    if sent:
        log.info("mail_sent count=%d", sent)
