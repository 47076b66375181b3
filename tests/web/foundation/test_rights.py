"""The daily user `web_app` may not change what is only ever added to."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import connection
from psycopg import sql

from pencere.web.rights import grant_daily_rights

pytestmark = pytest.mark.django_db

ONLY_ADDED_TO = {
    "cases_batch",
    "cases_batchline",
    "authoring_draftsave",
    "authoring_publishedversion",
    "authoring_withdrawal",
    "cases_caseevent",
    "cases_casemessage",
    "cases_casemessageread",
    "cases_forgottencase",
    "cases_supplement",
    "classifiers_entry",
    "classifiers_version",
    "payments_callback",
    "payments_chargeevent",
    "payments_closing",
    "payments_entry",
    "satisfaction_answer",
    "satisfaction_asked",
    "stateregister_act",
    "stateregister_description",
    "stateregister_document",
    "stateregister_signature",
}


@pytest.fixture
def daily(postgres: Any, db: None) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the same database with the rights of the daily user."""
    name = str(connection.settings_dict["NAME"])
    with psycopg.connect(postgres.superuser_url(name), autocommit=True) as daily:
        daily.execute("set role web_app")
        yield daily


def tried(daily: psycopg.Connection[Any], statement: str, table: str) -> str:
    try:
        daily.execute(sql.SQL(statement).format(sql.Identifier(table)))
    except psycopg.errors.InsufficientPrivilege as refusal:
        return str(refusal).partition("\n")[0]
    return "done"


def test_models_say_of_every_table_that_sql_closed_that_it_is_closed() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select c.relname from pg_trigger t join pg_class c on c.oid = t.tgrelid"
            " where t.tgname = 'append_only' and c.relnamespace = 'public'::regnamespace"
        )
        closed = {name for (name,) in cursor.fetchall()}
    say_so = {
        model._meta.db_table for model in apps.get_models() if getattr(model, "append_only", False)
    }

    assert closed == ONLY_ADDED_TO
    assert say_so == ONLY_ADDED_TO | {"stateregister_publication"}


@pytest.mark.parametrize("table", sorted(ONLY_ADDED_TO))
@pytest.mark.parametrize(
    "statement", ["update {} set id = id", "delete from {}", "truncate {} cascade"]
)
def test_the_daily_user_changes_nothing_there(
    daily: psycopg.Connection[Any], statement: str, table: str
) -> None:
    assert tried(daily, statement, table) == f"permission denied for table {table}"


@pytest.mark.parametrize(
    ("statement", "outcome"),
    [
        ("update {} set sha256 = ''", "permission denied for table issued_issueddocument"),
        ("delete from {}", "permission denied for table issued_issueddocument"),
        ("update {} set status = 'revoked', status_reason = 'replaced'", "done"),
    ],
)
def test_of_an_issued_document_only_the_status_changes(
    daily: psycopg.Connection[Any], statement: str, outcome: str
) -> None:
    assert tried(daily, statement, "issued_issueddocument") == outcome


def test_a_right_that_was_granted_before_is_taken_back(daily: psycopg.Connection[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("grant update on payments_entry to web_app")
        grant_daily_rights()
        cursor.execute("select has_table_privilege('web_app', 'payments_entry', 'update')")
        may = cursor.fetchone()

    assert may == (False,)
