"""Running jobs until told to stop.

The worker fetches jobs over connections of its own, while the jobs themselves keep using Django's
connection: what a job enqueues is part of the job's own transaction.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import close_old_connections
from procrastinate import App
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import UniqueViolation
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job, Status
from procrastinate.worker import Worker

from pencere.web.authoring.domain import published

log = logging.getLogger(__name__)

# A worker that was killed says nothing more; its jobs are taken over after this long.
SILENT_S = 20.0
LOOK_EVERY_S = 10.0
# Less than the supervisor waits; a job cut off is taken over by the next worker.
STOP_WITHIN_S = 8.0
POLL_S = 2.0


def run(concurrency: int) -> None:
    """Run up to `concurrency` jobs at once until SIGTERM or SIGINT; those under way end first."""
    asyncio.run(_run(concurrency))


async def _run(concurrency: int) -> None:
    connector = app.connector
    if not isinstance(connector, DjangoConnector):
        raise TypeError("the worker takes its database from Django")
    async with app.with_connector(connector.get_worker_connector()).open_async() as working:
        taking_over = asyncio.create_task(_take_over(working))
        try:
            await working.run_worker_async(
                concurrency=concurrency,
                fetch_job_polling_interval=POLL_S,
                shutdown_graceful_timeout=STOP_WITHIN_S,
                delete_jobs="successful",
                stalled_worker_timeout=SILENT_S,
                task_middleware=[_with_fresh_connections],
            )
        finally:
            taking_over.cancel()


async def _take_over(working: App) -> None:
    """Give the jobs of workers that were killed back to the queue. Each job may run twice."""
    while True:
        try:
            for job in await working.job_manager.get_stalled_jobs(seconds_since_heartbeat=SILENT_S):
                log.warning("job_taken_over job=%s task=%s", job.id, job.task_name)
                await _give_back(working, job)
        except Exception as error:  # the database may be away for a moment
            log.warning("take_over_failed error=%s", type(error).__name__)
        await asyncio.sleep(LOOK_EVERY_S)


async def _give_back(working: App, job: Job) -> None:
    """Put a job back, or end it where the same work was enqueued again meanwhile.

    That other job waits for the lock which this one holds, so one of them has to go.
    """
    try:
        await working.job_manager.retry_job(job)
    except UniqueViolation:
        await working.job_manager.finish_job(job, Status.FAILED, delete_job=True)


def _with_fresh_connections(
    call_next: Callable[[], Any], context: JobContext, worker: Worker
) -> Any:
    """Let a job begin with a connection that works, and leave none behind that broke."""
    del context, worker
    close_old_connections()
    if settings.EDITION_EVERY_S is not None:
        published.refresh()  # a case may be pinned to a version that came after the last job
    try:
        return call_next()
    finally:
        close_old_connections()
