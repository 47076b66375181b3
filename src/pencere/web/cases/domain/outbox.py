"""Enqueueing the jobs of effects, in the present transaction. The job itself: `cases.tasks`."""

import logging

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

log = logging.getLogger(__name__)

TASK, QUEUE = "cases.effect", "effects"


def enqueue(effect_id: int) -> None:
    """Enqueue an effect; one that is enqueued stays so once."""
    name = f"effect:{effect_id}"
    job = app.configure_task(TASK, queue=QUEUE, lock=name, queueing_lock=name)
    try:
        with transaction.atomic():  # a refusal undoes only itself
            job.defer(effect_id=effect_id)
    except AlreadyEnqueued:
        log.debug("effect_enqueued_already effect=%s", effect_id)
