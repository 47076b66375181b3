"""The server that all tests rely on."""

from collections.abc import Callable

import psycopg
import pytest


def test_a_fresh_database_has_its_planes_migrations_and_lets_its_app_user_in(
    make_database: Callable[[str], object],
) -> None:
    database = make_database("registers")

    with psycopg.connect(database.app) as connection:
        row = connection.execute("select current_user, current_database()").fetchone()

    assert row == ("registers_app", database.name)


def test_the_app_user_of_one_database_cannot_enter_another(
    make_database: Callable[[str], object],
) -> None:
    trust, registers = make_database("trust"), make_database("registers")
    stranger = trust.app.replace(f"/{trust.name}?", f"/{registers.name}?")

    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(stranger)


def test_the_app_user_cannot_change_the_record_of_migrations(
    make_database: Callable[[str], object],
) -> None:
    database = make_database("web")

    with (
        psycopg.connect(database.app) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("delete from public.migration")
