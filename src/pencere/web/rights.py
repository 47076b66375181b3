"""Rights of the daily user `web_app` on the tables that Django's migrations made.

A model whose rows may not be changed says so: `append_only = True` on the class, then there is
neither UPDATE nor DELETE. One whose rows stay but for some columns names those, and there is no
DELETE: `may_change = ("status", ...)`. `django_migrations` is read only.
"""

from typing import Any

from django.apps import apps
from django.db import connections, transaction
from django.db.models import Model
from psycopg import sql

APP_USER = "web_app"


def grant_daily_rights(using: str = "default", **_signal: Any) -> None:
    """Grant what the daily work needs; without the user (tests) there is nothing to grant."""
    connection = connections[using]
    # In one transaction: the daily user works on while rights are taken and given again.
    with transaction.atomic(using=using), connection.cursor() as cursor:
        cursor.execute("select from pg_roles where rolname = %s", [APP_USER])
        if cursor.fetchone() is None:
            return
        user = sql.Identifier(APP_USER)
        cursor.execute(sql.SQL("grant usage on schema public to {}").format(user))
        there = set(connection.introspection.table_names(cursor))
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table  # noqa: SLF001 - Django documents _meta
            if table not in there or not model._meta.managed:  # noqa: SLF001 - Django documents _meta
                continue
            # What an earlier version granted goes first: rights only ever follow the models.
            for change in ("revoke all on {0} from {1}", _grant(model)):
                cursor.execute(sql.SQL(change).format(sql.Identifier(table), user))
        cursor.execute(sql.SQL("grant select on django_migrations to {}").format(user))
        cursor.execute(sql.SQL("grant usage on all sequences in schema public to {}").format(user))
        # Procrastinate's jobs are its own tables, unmanaged by Django, and functions.
        for table in sorted(there):
            if table.startswith("procrastinate_"):
                cursor.execute(
                    sql.SQL("grant select, insert, update, delete on {} to {}").format(
                        sql.Identifier(table), user
                    )
                )


def _grant(model: type[Model]) -> str:
    """Return the statement with places for the table and the user."""
    if getattr(model, "append_only", False):
        return "grant select, insert on {0} to {1}"
    names = getattr(model, "may_change", ())
    if names:
        column_of = {field.name: str(field.column) for field in model._meta.concrete_fields}  # noqa: SLF001 - Django documents _meta
        columns = ", ".join(column_of[name] for name in names)
        return f"grant select, insert, update ({columns}) on {{0}} to {{1}}"
    return "grant select, insert, update, delete on {0} to {1}"
