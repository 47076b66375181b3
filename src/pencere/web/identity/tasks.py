"""Jobs of the sign-in: what nobody needs any more is deleted."""

import logging
from datetime import timedelta

from django.conf import settings
from oauth2_provider.models import clear_expired
from procrastinate.contrib.django import app

from pencere.web.identity import signing_in
from pencere.web.identity.sima import operations
from pencere.web.people.domain import held_forms, limits, sessions

log = logging.getLogger(__name__)

# Longer than any window of a limit and the life of a sign-in.
HOUR = timedelta(hours=1)

# Kept so long after it ended: the person's list of devices, and since when something is new.
SESSION_KEPT = timedelta(days=90)


@app.periodic(cron="23 * * * *")
@app.task(name="identity.forget", queue="identity", queueing_lock="identity.forget")
def forget(timestamp: int) -> None:
    """Delete sign-ins, held forms, counters, sessions and tokens whose time is over."""
    del timestamp
    now = settings.CLOCK.now()
    log.info(
        "forgotten sign_ins=%d sima=%d forms=%d counters=%d sessions=%d",
        signing_in.forget(before=now - HOUR),
        operations.forget(before=now - HOUR),
        held_forms.forget(before=now - held_forms.KEPT),
        limits.forget(before=now - HOUR),
        sessions.forget(before=now - SESSION_KEPT),
    )
    clear_expired()
