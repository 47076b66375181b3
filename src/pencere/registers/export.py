"""A register's records for one purpose, as they stood at one instant, with a manifest.

`records.ndjson`: a line a record as an answer has it, with the hash of its version, by which
whoever has the log can see that nothing was added or left out. `manifest.json`: what it is.
Every record is in the log of readings before the first line is written.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO

import psycopg
from psycopg.rows import class_row
from psycopg.sql import SQL

from pencere.kernel.errors import Conflict, Missing
from pencere.registers.definition import Definition
from pencere.registers.disclosure import Register
from pencere.registers.load import Connection, Progress
from pencere.registers.records import Record

RECORDS, MANIFEST = "records.ndjson", "manifest.json"
FORM = "pencere-register-export/1"
_CHUNK = 2_000


@dataclass(frozen=True)
class Wanted:
    """For what, by which act, for which case, and who gives it out."""

    purpose: str
    basis: str
    client: str
    case: str | None = None
    annulled_too: bool = False


# The snapshot of the stream is that of the log: no record in one that is not in the other.
_LOG = """
    insert into registers.read_log (at, register, record, version, client, purpose, basis,
        case_number)
    select %(at)s, r.register, r.id, r.version, %(client)s, %(purpose)s, %(basis)s, %(case)s
    from registers.record r
    where r.register = %(number)s and r.erased_at is null
        and (r.state = 'valid' or %(annulled_too)s)
"""
_STREAM = """
    select r.id, r.version, r.state, r.valid_from, r.data, r.head from registers.record r
    where r.register = %(number)s and r.erased_at is null
        and (r.state = 'valid' or %(annulled_too)s)
    order by r.id
"""


def export(  # noqa: PLR0913  # an export is all of these
    database_url: str,
    definition: Definition,
    wanted: Wanted,
    folder: Path,
    *,
    at: datetime,
    progress: Progress = lambda _: None,
) -> dict[str, object]:
    """Write the export into `folder`, which must be empty or new; return the manifest.

    An export that is cut off has no manifest, and is none.

    Raises:
        Refused: `purpose.not_disclosed`.
        Conflict: `export.exists`.
        Missing: `register.unknown`.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        raise Conflict("export.exists", folder=str(folder))
    with psycopg.connect(database_url) as logging, psycopg.connect(database_url) as reading:
        register = Register(definition, _number(logging, definition))
        fields = register.opened_for(wanted.purpose)
        facts = {
            "at": at,
            "number": register.number,
            "client": wanted.client,
            "purpose": wanted.purpose,
            "basis": wanted.basis,
            "case": wanted.case,
            "annulled_too": wanted.annulled_too,
        }
        _share_snapshot(logging, reading)
        logged = logging.execute(_LOG, facts).rowcount
        logging.commit()
        digest, size, count = hashlib.sha256(), 0, 0
        with _private(folder / RECORDS) as file:
            for record, head in _records(reading, register, wanted.purpose, fields, facts):
                said = {**record.as_json(), "hash": head.hex()}
                line = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
                file.write(line)
                digest.update(line)
                size, count = size + len(line), count + 1
                if count % _CHUNK == 0:
                    progress(_CHUNK)
        progress(count % _CHUNK)
    assert count == logged  # noqa: S101  # one snapshot
    manifest: dict[str, object] = {
        "form": FORM,
        "register": definition.code,
        "schema_version": definition.version,
        "schema_sha256": definition.sha256.hex(),
        "purpose": wanted.purpose,
        "basis": wanted.basis,
        "case": wanted.case,
        "annulled_too": wanted.annulled_too,
        "fields": list(fields),
        "masked": sorted(definition.masks.get(wanted.purpose, {})),
        "at": at.isoformat(),
        "file": RECORDS,
        "records": count,
        "bytes": size,
        "sha256": digest.hexdigest(),
    }
    with _private(folder / MANIFEST) as file:
        file.write(json.dumps(manifest, ensure_ascii=False, indent=1).encode() + b"\n")
    return manifest


def _share_snapshot(first: Connection, second: Connection) -> None:
    for connection in (first, second):
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    row = first.execute("select pg_export_snapshot()").fetchone()
    assert row is not None  # noqa: S101  # a function returns
    second.execute(SQL("set transaction snapshot {}").format(str(row[0])))


def _records(
    connection: Connection,
    register: Register,
    purpose: str,
    fields: Sequence[str],
    facts: dict[str, object],
) -> Iterator[tuple[Record, bytes]]:
    with connection.cursor(name="export", row_factory=class_row(_Streamed)) as cursor:
        cursor.execute(_STREAM, facts)
        while rows := cursor.fetchmany(_CHUNK):
            for row in rows:
                seen = register.seen(purpose, fields, row.data)
                yield Record(row.id, row.version, row.state, row.valid_from, seen), row.head


@dataclass(frozen=True, slots=True)
class _Streamed:
    id: int
    version: int
    state: str
    valid_from: date
    data: dict[str, object]
    head: bytes


def _private(path: Path) -> BinaryIO:
    """Open a new file that only its owner reads."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _number(connection: Connection, definition: Definition) -> int:
    row = connection.execute(
        "select id from registers.register where code = %s", (definition.code,)
    ).fetchone()
    connection.rollback()
    if row is None:
        raise Missing("register.unknown", register=definition.code)
    return int(str(row[0]))
