"""A new directory at once: its job is enqueued in the transaction of the act."""

import logging

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

log = logging.getLogger(__name__)

TASK, QUEUE = "stateregister.publish_now", "stateregister"


def directory_changes() -> None:
    """Have the directory signed anew as soon as the present transaction is committed."""
    job = app.configure_task(TASK, queue=QUEUE, lock=TASK, queueing_lock=TASK)
    try:
        with transaction.atomic():  # a refusal undoes only itself
            job.defer()
    except AlreadyEnqueued:
        log.debug("publication_enqueued_already")
