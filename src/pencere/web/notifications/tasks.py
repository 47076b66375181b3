"""Jobs: people are told of what registers said about them, and outside of what waits for them."""

import logging

from django.conf import settings
from procrastinate.contrib.django import app

from pencere.kernel.errors import Unavailable
from pencere.web.exchange.gateway import gateway
from pencere.web.notifications.domain import events, outgoing
from pencere.web.notifications.domain.carriers import carrier_of
from pencere.web.notifications.domain.channels import EMAIL, SMS, Channel

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
    _send(EMAIL)


@app.periodic(cron="* * * * *")
@app.task(name="notifications.sms", queue="notifications", queueing_lock="notifications.sms")
def text(timestamp: int) -> None:
    """Send the text messages that are due, when the operator has a provider."""
    del timestamp
    _send(SMS)


def _send(channel: Channel) -> None:
    carrier = carrier_of(channel)
    if carrier is None:
        return
    sent = outgoing.send_due(channel, carrier, at=settings.CLOCK.now())
    if sent:
        log.info("%s_sent count=%d", channel.words, sent)
