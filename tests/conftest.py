"""PostgreSQL for every test that needs it: one throw-away cluster in each process of the run.

`make_database("trust")` gives a fresh, migrated database; `django_db` tests get the same server.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from django.db import connections
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from pencere.ops.databases import (
    PACKAGES,
    close_to_strangers,
    make_user,
)
from pencere.ops.databases import (
    make_database as create_database,
)
from pencere.ops.installation import Installation
from pencere.ops.migrations import migrate
from pencere.ops.postgres import FORGETFUL, Cluster


@dataclass(frozen=True)
class Database:
    """A database of a test. The URLs are for psycopg and asyncpg alike."""

    name: str
    owner: str
    app: str
    superuser: str


@dataclass(frozen=True)
class Postgres:
    """The server of this test run."""

    installation: Installation

    def superuser_url(self, database: str = "postgres") -> str:
        return self.installation.superuser_url(database)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Start the server; PENCERE_TEST_DATABASE_URL (a superuser's) names another one to use."""
    # Not pytest's tmp_path: its folders are closed to the user the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="pencere-test-"))
    external = os.environ.get("PENCERE_TEST_DATABASE_URL")
    installation = Installation(data=folder, base_port=9100, external_database_url=external)
    cluster = Cluster.of(installation)
    cluster = Cluster(
        cluster.folder, cluster.socket_folder, cluster.log, cluster.password, FORGETFUL
    )
    server = cluster.start() if external is None else None
    try:
        yield Postgres(installation)
    finally:
        if server is not None:
            cluster.stop(server)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _templates(postgres: Postgres) -> Callable[[str], str]:
    """Give the name of a migrated template of a kind of database, made at first use."""
    made: dict[str, str] = {}

    def template(kind: str) -> str:
        if kind not in made:
            installation, name = postgres.installation, f"template_{kind}_{os.getpid()}"
            with psycopg.connect(installation.superuser_url(), autocommit=True) as server:
                for user in (f"{kind}_owner", f"{kind}_app"):
                    make_user(server, user, installation.secret(f"db/{user}"))
                create_database(server, name, owner=f"{kind}_owner")
            for package in PACKAGES[kind]:
                owner = _database(installation, kind, name).owner
                migrate(owner, package, app_user=f"{kind}_app")
            made[kind] = name
        return made[kind]

    return template


@pytest.fixture
def make_database(
    postgres: Postgres, _templates: Callable[[str], str]
) -> Iterator[Callable[[str], Database]]:
    """Give a factory: `make_database("trust")`, `make_database("gateway_portal")` and so on."""
    names: list[str] = []
    installation = postgres.installation

    def make(kind: str) -> Database:
        template = _templates(kind)
        name = f"{kind}_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(installation.superuser_url(), autocommit=True) as server:
            create_database(server, name, owner=f"{kind}_owner", template=template)
        names.append(name)
        with psycopg.connect(installation.superuser_url(name), autocommit=True) as inside:
            close_to_strangers(inside, name, app=f"{kind}_app")
        return _database(installation, kind, name)

    yield make
    with psycopg.connect(installation.superuser_url(), autocommit=True) as server:
        for name in names:
            server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


_numbers = itertools.count(1)


def _database(installation: Installation, kind: str, name: str) -> Database:
    def url(user: str) -> str:
        return installation.database_url(kind, user).replace(f"/{kind}?", f"/{name}?")

    return Database(name, url("owner"), url("app"), installation.superuser_url(name))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(postgres: Postgres, _templates: Callable[[str], str]) -> None:
    """Point Django at the server of this run; its test database already has the ledger."""
    template = _templates("web")
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as server:
        server.execute("alter role web_owner createdb")
    given = conninfo_to_dict(postgres.installation.database_url("web", "owner"))
    for alias in connections:
        settings = connections[alias].settings_dict
        settings.update(
            HOST=given["host"],
            PORT=str(given.get("port", "5432")),
            USER=given["user"],
            PASSWORD=given["password"],
        )
        settings["TEST"].update(NAME=f"test_{alias}_{os.getpid()}", TEMPLATE=template)
