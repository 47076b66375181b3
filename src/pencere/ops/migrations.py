"""Numbered SQL files, each applied once, in order, by the owner of the database.

A plane keeps `sql/NNNN_what.sql`. In a file `${app}` is the user who does the daily work.
What was applied may not change: a correction is the next number.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

import psycopg
from psycopg import sql

from pencere.kernel.errors import Misconfigured

_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_USER_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")

# Two starts at once take turns.
_LOCK = int.from_bytes(sha256(b"pencere migrations").digest()[:8], "big", signed=True)

_RECORD = """
create table if not exists public.migration (
    package text not null,
    number integer not null,
    name text not null,
    sha256 bytea not null,
    applied_at timestamptz not null default now(),
    primary key (package, number)
)
"""


@dataclass(frozen=True)
class Migration:
    """One file as it lies in its package."""

    package: str
    number: int
    name: str
    text: str

    @property
    def sha256(self) -> bytes:
        """Digest of the file as written, before `${app}` is filled in."""
        return sha256(self.text.encode()).digest()

    @property
    def file(self) -> str:
        """Path for messages: `pencere/trust/sql/0001_keys.sql`."""
        return f"{self.package.replace('.', '/')}/sql/{self.number:04}_{self.name}.sql"


def migrate(conninfo: str, package: str, *, app_user: str) -> list[str]:
    """Apply what `package` has and the database does not; return the files applied.

    Each file has a transaction of its own, so a stop between two loses nothing.

    Raises:
        Misconfigured: an applied file has changed, or a new one has a number below an applied one.
    """
    if not _USER_NAME.fullmatch(app_user):
        raise Misconfigured(file=package, key="app_user", value=app_user, example="trust_app")
    applied: list[str] = []
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
        connection.execute("set client_min_messages = warning")
        connection.execute(_RECORD)
        for migration in pending(connection, package):
            with connection.transaction():
                connection.execute(
                    sql.SQL(migration.text.replace("${app}", app_user)),
                    prepare=False,
                )
                connection.execute(
                    "insert into public.migration (package, number, name, sha256)"
                    " values (%s, %s, %s, %s)",
                    (package, migration.number, migration.name, migration.sha256),
                )
            applied.append(migration.file)
    return applied


def pending(connection: psycopg.Connection[tuple[object, ...]], package: str) -> list[Migration]:
    """Return the files of `package` which this database does not have, in order."""
    rows = connection.execute(
        "select number, sha256 from public.migration where package = %s", (package,)
    ).fetchall()
    known = {number: digest for number, digest in rows if isinstance(number, int)}
    waiting = []
    for migration in migrations_of(package):
        digest = known.get(migration.number)
        if digest is None:
            _refuse_latecomer(migration, known)
            waiting.append(migration)
        elif digest != migration.sha256:
            raise Misconfigured(
                file=migration.file,
                key="sha256",
                value=migration.sha256.hex(),
                example=f"{bytes(digest).hex()} as applied: put a correction into the next number"
                if isinstance(digest, bytes)
                else "",
            )
    return waiting


def migrations_of(package: str) -> list[Migration]:
    """Read the files of `package` in the order of their numbers."""
    folder = files(package) / "sql"
    found: dict[int, Migration] = {}
    for entry in folder.iterdir() if folder.is_dir() else ():
        if not entry.name.endswith(".sql"):
            continue
        named = _FILE_NAME.fullmatch(entry.name)
        if named is None or int(named[1]) in found:
            raise Misconfigured(
                file=f"{package.replace('.', '/')}/sql",
                key="file name" if named is None else "number",
                value=entry.name,
                example="0001_what_it_adds.sql, each number once",
            )
        number = int(named[1])
        found[number] = Migration(package, number, named[2], entry.read_text(encoding="utf-8"))
    return [found[number] for number in sorted(found)]


def _refuse_latecomer(migration: Migration, known: dict[int, object]) -> None:
    if known and migration.number < max(known):
        raise Misconfigured(
            file=migration.file,
            key="number",
            value=f"{migration.number:04}",
            example=f"{max(known) + 1:04}, the one after the newest applied",
        )
