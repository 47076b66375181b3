"""The web's own tables, by Django's migrations, as the owner of the database."""

import os

import django


def set_up() -> None:
    """Load Django with the settings of the owner; may be repeated."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "pencere.web.settings.owner"
    django.setup(set_prefix=False)


def migrate() -> list[str]:
    """Apply what is missing and return it; two at once take turns by a lock in the database."""
    set_up()
    from django.core.management import call_command  # noqa: PLC0415  # needs settings
    from django.db import connection  # noqa: PLC0415
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(hashtext('pencere.web migrate'))")
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            call_command("migrate", verbosity=0, interactive=False)
        return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_unlock(hashtext('pencere.web migrate'))")
