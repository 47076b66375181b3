"""Many new records at once, by COPY: hashes, keys and leaves as if each had been created.

One transaction, so that a load that is cut off has not happened; a mark in it, so that a load
that has happened is not done again.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice

import psycopg

from pencere.kernel.errors import Invalid, Missing
from pencere.registers.chain import SALT_BYTES, Version, leaf_of, quick_json
from pencere.registers.definition import Definition
from pencere.registers.document import validate
from pencere.registers.keys import key_values

Entry = tuple[str, date, dict[str, object]]
Progress = Callable[[int], None]
Connection = psycopg.Connection[tuple[object, ...]]

# Small enough for a progress bar that moves; larger ones load no faster.
CHUNK = 1_000
# Of each register the first records are held against the schema; the rest come from the same
# source and differ in values only. The whole takes ten times as long.
CHECKED = 200

_COPIES = (
    """copy registers.record
        (id, register, version, state, valid_from, recorded_at, head, data) from stdin""",
    """copy registers.record_version
        (record, version, schema_version, op, state, valid_from, recorded_at, client, purpose,
         basis, reason, case_number, salt, data, hash) from stdin""",
    "copy registers.record_key (register, key, value, record, active, enforced) from stdin",
    "copy ledger.pending (leaf_hash, kind, entry) from stdin",
)


@dataclass(frozen=True)
class Source:
    """Where a load comes from; this stands in every version it makes."""

    name: str
    client: str
    purpose: str
    reason: str
    # An act of acts.yaml; none: the first one the register stands on.
    basis: str = ""
    case: str | None = None


@dataclass
class Loading:
    """One load at work."""

    connection: Connection
    definitions: Mapping[str, Definition]
    source: Source
    at: datetime
    _numbers: dict[str, int] = field(default_factory=dict, init=False)
    _counts: dict[str, int] = field(default_factory=dict, init=False)
    _given: dict[str, int] = field(default_factory=dict, init=False)

    def run(self, entries: Iterable[Entry], progress: Progress) -> dict[str, int]:
        """Load everything and return how many records each register got."""
        self.prepare()
        remaining = iter(entries)
        while chunk := list(islice(remaining, CHUNK)):
            self.copy(chunk)
            progress(len(chunk))
        self._finish()
        return dict(self._counts)

    def prepare(self) -> None:
        """Ask the database for the numbers of its registers."""
        rows = self.connection.execute("select code, id from registers.register").fetchall()
        self._numbers = {str(code): int(str(number)) for code, number in rows}

    def copy(self, chunk: Sequence[Entry]) -> None:
        """Load these records; the transaction is the caller's."""
        ids = self.connection.execute(
            "select nextval('registers.record_id_seq') from generate_series(1, %s)", (len(chunk),)
        ).fetchall()
        salts = secrets.token_bytes(SALT_BYTES * len(chunk))
        lines: tuple[list[str], ...] = ([], [], [], [])
        for position, (entry, row) in enumerate(zip(chunk, ids, strict=True)):
            salt = salts[position * SALT_BYTES : (position + 1) * SALT_BYTES]
            for target, line in zip(lines, self._lines(entry, int(str(row[0])), salt), strict=True):
                target.extend(line)
        with self.connection.cursor() as cursor:
            for statement, wanted in zip(_COPIES, lines, strict=True):
                with cursor.copy(statement) as copy:
                    copy.write("".join(wanted))

    def _lines(self, entry: Entry, record: int, salt: bytes) -> Iterator[list[str]]:
        code, valid_from, given = entry
        definition = self.definitions[code]
        data = self._numbered(definition, given)
        count = self._counts[code] = self._counts.get(code, 0) + 1
        if count <= CHECKED:
            validate(definition, data)
        source, register = self.source, self._numbers[code]
        version = Version(
            register=code,
            record=record,
            version=1,
            schema_version=definition.version,
            op="create",
            state="valid",
            valid_from=valid_from,
            valid_to=None,
            recorded_at=self.at,
            actor=None,
            client=source.client,
            purpose=source.purpose,
            basis=source.basis or definition.basis[0],
            case=source.case,
            exchange=None,
            reason=source.reason,
            salt=salt,
            data=data,
            prev=None,
        )
        document = quick_json(data)
        digest = version.quick_hash(document)
        at, text, hashed = self.at.isoformat(), _escaped(document), _hex(digest)
        reason = _escaped(source.reason)
        yield [
            f"{record}\t{register}\t1\tvalid\t{valid_from}\t{at}\t{hashed}\t{text}\n",
        ]
        said = (
            f"{record}\t1\t{definition.version}\tcreate\tvalid\t{valid_from}\t{at}"
            f"\t{_escaped(source.client)}\t{_escaped(source.purpose)}\t{_escaped(version.basis)}"
            f"\t{reason}\t{_nullable(source.case)}\t{_hex(salt)}\t{text}\t{hashed}\n"
        )
        yield [said]
        enforced = definition.enforced
        yield [
            f"{register}\t{number}\t{_escaped(value)}\t{record}\tt\t{number in enforced}\n"
            for number, value in key_values(definition, data).items()
        ]
        leaf, kind, committed = leaf_of(code, record, 1, digest)
        yield [f"{_hex(leaf)}\t{kind}\t{_hex(committed)}\n"]

    def _numbered(self, definition: Definition, data: dict[str, object]) -> dict[str, object]:
        numbering = definition.numbering
        if numbering is None:
            return data
        index = self._given.get(definition.code, 0)
        if numbering.field in data:
            self._given[definition.code] = max(index, numbering.behind(data[numbering.field]))
            return data
        self._given[definition.code] = index + 1
        return {**data, numbering.field: numbering.number(index)}

    def keep_series(self) -> None:
        """Have the register give out no number that was loaded; in the caller's transaction."""
        for code, given in self._given.items():
            self.connection.execute(
                "insert into registers.number_series as s (register, next) values (%s, %s)"
                " on conflict (register) do update set next = greatest(s.next, excluded.next)",
                (self._numbers[code], given),
            )

    def _finish(self) -> None:
        self.keep_series()
        for code in self.definitions:
            self.connection.execute(
                "insert into registers.load (name, register, records, finished_at)"
                " values (%s, %s, %s, %s)",
                (self.source.name, self._numbers[code], self._counts.get(code, 0), self.at),
            )


def load(loading: Loading, entries: Iterable[Entry], progress: Progress) -> dict[str, int] | None:
    """Load once: return the records of each register, or None when it was done before.

    Raises:
        Missing: `register.unknown`, the database has not the definitions yet.
        Invalid: `data.invalid`.
        Invalid: `load.not_empty`, there are records that no load of this name has made.
    """
    connection = loading.connection
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtextextended('registers load', 0))")
        if is_loaded(connection, loading.source.name):
            return None
        known = {
            row[0] for row in connection.execute("select code from registers.register").fetchall()
        }
        for code in sorted(set(loading.definitions) - known):
            raise Missing("register.unknown", register=code)
        if connection.execute("select from registers.record limit 1").fetchone() is not None:
            raise Invalid("load.not_empty", name=loading.source.name)
        counts = loading.run(entries, progress)
    connection.execute("select registers.count_anew()")
    return counts


def is_loaded(connection: Connection, name: str) -> bool:
    """Say whether the load called `name` is finished."""
    found = connection.execute("select from registers.load where name = %s limit 1", (name,))
    return found.fetchone() is not None


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _escaped(value: str) -> str:
    """Return a text as COPY reads it; what has no escape in it is what it is."""
    return value if value.isprintable() and "\\" not in value else value.translate(_ESCAPES)


def _nullable(value: str | None) -> str:
    return "\\N" if value is None else _escaped(value)


def _hex(value: bytes) -> str:
    return f"\\\\x{value.hex()}"
