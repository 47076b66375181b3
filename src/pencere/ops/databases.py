"""The databases of an installation and their two users each.

`<database>_owner` makes and migrates, `<database>_app` does the daily work with the rights that
the migrations grant. Every step may be repeated.
"""

import importlib
from collections.abc import Collection

import psycopg
from psycopg import sql

from pencere.ops.installation import DATABASES, Installation
from pencere.ops.migrations import migrate

# Which planes' SQL files a database has. The ledger is in every one of them.
PACKAGES = {
    "trust": ("pencere.ledger", "pencere.trust"),
    "gateway_portal": ("pencere.ledger", "pencere.gateway"),
    "gateway_agencies": ("pencere.ledger", "pencere.gateway"),
    "registers": ("pencere.ledger", "pencere.registers"),
    "web": ("pencere.ledger",),
}


def make_databases(installation: Installation, databases: Collection[str] = DATABASES) -> None:
    """Make the databases and users that are not there yet."""
    with psycopg.connect(installation.superuser_url(), autocommit=True) as server:
        for database in databases:
            for user in (f"{database}_owner", f"{database}_app"):
                make_user(server, user, installation.secret(f"db/{user}"))
            make_database(server, database, owner=f"{database}_owner")
    for database in databases:
        with psycopg.connect(installation.superuser_url(database), autocommit=True) as inside:
            close_to_strangers(inside, database, app=f"{database}_app")


def migrate_databases(
    installation: Installation, databases: Collection[str] = DATABASES
) -> list[str]:
    """Apply the SQL files of the planes outside Django; return the files applied."""
    applied = []
    for database in databases:
        for package in PACKAGES[database]:
            importlib.import_module(package)
            applied += migrate(
                installation.database_url(database, "owner"), package, app_user=f"{database}_app"
            )
    return applied


def make_user(server: psycopg.Connection[tuple[object, ...]], user: str, password: str) -> None:
    """Make `user`, or give it the password of this installation again.

    The server is sent the SCRAM verifier, so the password is in none of its logs.
    """
    there = server.execute("select from pg_roles where rolname = %s", (user,)).fetchone()
    verifier = server.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256")
    command = "create role {} login password {}" if there is None else "alter role {} password {}"
    server.execute(sql.SQL(command).format(sql.Identifier(user), sql.Literal(verifier.decode())))


def make_database(
    server: psycopg.Connection[tuple[object, ...]],
    database: str,
    *,
    owner: str,
    template: str = "template0",
) -> None:
    """Make `database` in UTF-8, owned by `owner`, unless it is there."""
    there = server.execute("select from pg_database where datname = %s", (database,)).fetchone()
    if there is not None:
        return
    # A superuser of a hosted server must be a member of the role to which it gives a database.
    server.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(owner)))
    server.execute(
        sql.SQL("create database {} owner {} template {} encoding 'UTF8'").format(
            sql.Identifier(database), sql.Identifier(owner), sql.Identifier(template)
        )
    )


def close_to_strangers(
    inside: psycopg.Connection[tuple[object, ...]], database: str, *, app: str
) -> None:
    """Let only the database's own two users in."""
    name, user = sql.Identifier(database), sql.Identifier(app)
    inside.execute(sql.SQL("revoke all on database {} from public").format(name))
    inside.execute(sql.SQL("grant connect on database {} to {}").format(name, user))
    inside.execute("revoke create on schema public from public")
