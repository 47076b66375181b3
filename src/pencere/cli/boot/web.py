"""The web's own tables, by Django's migrations, as the owner of the database."""

import os

import django
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def set_up() -> None:
    """Load Django with the settings of the owner; may be repeated."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "pencere.web.settings.owner"
    if not apps.ready:
        django.setup(set_prefix=False)


def migrate() -> list[str]:
    """Apply what is missing and return it; two at once take turns by a lock in the database."""
    set_up()
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(hashtext('pencere.web migrate'))")
    try:
        waiting = _waiting()
        if waiting:
            call_command("migrate", verbosity=0, interactive=False)
        return waiting
    finally:
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_unlock(hashtext('pencere.web migrate'))")


def pending_migrations() -> list[str]:
    """Return the migrations that the database does not have."""
    set_up()
    return _waiting()


def _waiting() -> list[str]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
