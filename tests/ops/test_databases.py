"""Databases and users of an installation, on a server that others run."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pencere.ops.databases import make_databases, migrate_databases
from pencere.ops.forget import forget
from pencere.ops.installation import DATABASES, Installation
from pencere.ops.postgres import FORGETFUL, Cluster


@pytest.fixture
def external() -> Iterator[Installation]:
    """An installation that is given a server by its URL; the server is our own, started apart."""
    folder = Path(tempfile.mkdtemp(prefix="pencere-ops-"))
    server_of = Installation(folder / "server")
    made = Cluster.of(server_of)
    cluster = Cluster(made.folder, made.socket_folder, made.log, made.password, FORGETFUL)
    server = cluster.start()
    yield Installation(folder / "data", external_database_url=server_of.superuser_url())
    cluster.stop(server)
    shutil.rmtree(folder)


def test_every_database_is_made_and_migrated_once_and_again_changes_nothing(
    external: Installation,
) -> None:
    make_databases(external)
    first = migrate_databases(external)
    make_databases(external)
    second = migrate_databases(external)

    assert first != []
    assert second == []
    for database in DATABASES:
        for user in ("app", "owner"):
            with psycopg.connect(external.database_url(database, user)) as connection:
                row = connection.execute("select current_database(), current_user").fetchone()
            assert row == (database, f"{database}_{user}")


def test_a_user_whose_password_was_lost_is_given_the_installation_s_again(
    external: Installation,
) -> None:
    make_databases(external, ["trust"])
    (external.secrets / "db" / "trust_app").unlink()

    make_databases(external, ["trust"])

    with psycopg.connect(external.database_url("trust")) as connection:
        assert connection.execute("select current_user").fetchone() == ("trust_app",)


def test_no_password_stands_in_the_log_of_the_server(external: Installation) -> None:
    with psycopg.connect(external.superuser_url(), autocommit=True) as server:
        server.execute("alter system set log_statement = 'all'")
        server.execute("select pg_reload_conf()")
    make_databases(external)

    log = (external.data.parent / "server" / "log" / "postgres.log").read_text()

    passwords = [path.read_text() for path in (external.secrets / "db").iterdir()]
    assert "create role" in log
    assert [password for password in passwords if password in log] == []


def test_forgetting_drops_the_databases_of_a_server_that_others_run(
    external: Installation,
) -> None:
    make_databases(external)
    superuser = external.superuser_url()

    forget(external)

    with psycopg.connect(superuser) as server:
        rows = server.execute("select datname from pg_database where not datistemplate").fetchall()
    assert rows == [("postgres",)]
