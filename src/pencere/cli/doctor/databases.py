"""The databases answer, have every migration, and their jobs move on."""

from collections.abc import Iterator

import psycopg

from pencere.cli.boot import web
from pencere.cli.doctor.ledgers import check_ledger
from pencere.kernel.errors import PencereError
from pencere.ops.databases import PACKAGES
from pencere.ops.health import Check
from pencere.ops.installation import DATABASES, Installation
from pencere.ops.migrations import pending

TIMEOUT_S = 5

# A job runs for seconds; this long means that its worker is gone.
STUCK_JOB_S = 15 * 60
OVERDUE_JOB_S = 10 * 60

_JOBS = """
select count(*) filter (where status = 'failed'),
       count(*) filter (where status = 'doing'
                        and began < now() - make_interval(secs => %(stuck)s)),
       count(*) filter (where status = 'todo'
                        and due < now() - make_interval(secs => %(overdue)s))
from (
    select status,
           coalesce(scheduled_at, (select min(at) from procrastinate_events
                                   where job_id = job.id)) as due,
           (select max(at) from procrastinate_events
            where job_id = job.id and type = 'started') as began
    from procrastinate_jobs as job
    where status in ('failed', 'doing', 'todo')
) as waiting
"""


def check_databases(installation: Installation) -> Iterator[Check]:
    """A check for each database, its migrations and its ledger; one for the jobs."""
    for database in DATABASES:
        try:
            with psycopg.connect(
                installation.database_url(database, "owner"),
                connect_timeout=TIMEOUT_S,
                autocommit=True,
            ) as connection:
                version = connection.info.server_version
                yield Check(f"database {database}", True, f"PostgreSQL {version // 10000}")
                yield _migrations(connection, database)
                yield from check_ledger(connection, installation, database)
                if database == "web":
                    yield _jobs(connection)
        except psycopg.Error as reason:
            yield Check(f"database {database}", False, str(reason).strip().split("\n")[0])


def _migrations(connection: psycopg.Connection[tuple[object, ...]], database: str) -> Check:
    name = f"migrations {database}"
    try:
        waiting = [
            each.file for package in PACKAGES[database] for each in pending(connection, package)
        ]
        if database == "web":
            waiting += web.pending_migrations()
    except PencereError as reason:
        return Check(name, False, str(reason))
    return Check(name, not waiting, f"not applied: {', '.join(waiting)}" if waiting else "current")


def _jobs(connection: psycopg.Connection[tuple[object, ...]]) -> Check:
    row = connection.execute(_JOBS, {"stuck": STUCK_JOB_S, "overdue": OVERDUE_JOB_S}).fetchone()
    failed, stuck, overdue = row or (0, 0, 0)
    detail = f"{failed} failed, {stuck} stuck, {overdue} overdue"
    return Check("jobs", not (failed or stuck or overdue), detail)
