"""Forgetting an installation: its files and its databases."""

import shutil

import psycopg
from psycopg import sql

from pencere.ops.installation import DATABASES, Installation
from pencere.ops.postgres import Cluster

# Only what we make ourselves: the folder may have been chosen by mistake.
FOLDERS = (
    "run",
    "log",
    "secrets",
    "pki",
    "trust",
    "root",
    "approvers",
    "keys",
    "phones",
    "sima",
    "cards",
    "bank",
    "post",
    "files",
    "pg",
)


def forget(installation: Installation) -> None:
    """Remove what is known of the installation; the caller holds the claim on it.

    The file of the claim itself stays, since it is held.
    """
    if installation.external_database_url is None:
        if (installation.pg / "cluster").is_dir():
            Cluster.of(installation).end()
    else:
        _drop_databases(installation)
    for name in FOLDERS:
        folder = installation.data / name
        if name == "run" and folder.is_dir():
            for entry in folder.iterdir():
                if entry.name != "lock":
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        elif folder.is_dir():
            shutil.rmtree(folder)


def _drop_databases(installation: Installation) -> None:
    with psycopg.connect(installation.superuser_url(), autocommit=True) as server:
        for database in DATABASES:
            server.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database))
            )
