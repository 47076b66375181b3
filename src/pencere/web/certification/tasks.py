"""Jobs: people are told of certificates within a minute or two."""

import logging

from django.conf import settings
from procrastinate.contrib.django import app

from pencere.kernel.errors import Unavailable
from pencere.web.certification import watching

log = logging.getLogger(__name__)


@app.periodic(cron="* * * * *")
@app.task(name="certification.tell", queue="certification", queueing_lock="certification.tell")
def tell(timestamp: int) -> None:
    """Tell who asked what the centre's log has new."""
    del timestamp
    try:
        told = watching.tell_news(at=settings.CLOCK.now())
    except Unavailable:
        log.warning("certificate_news_unavailable")
        return
    if told:
        log.info("certificate_news_told count=%d", told)
