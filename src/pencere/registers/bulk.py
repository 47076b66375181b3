"""A file of records into a register: checked whole first, then copied in pieces.

Nothing is loaded while one line is wrong. Each piece is a transaction that says how far it has
come, so a load that is cut off goes on behind the last piece, and a finished one is not repeated.
Hashes, keys and leaves are as if each record had been created; events are not told.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path

import psycopg

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Conflict, Invalid, Missing
from pencere.registers.bulk_files import Problem, Row, digest_of, read_rows
from pencere.registers.definition import Definition
from pencere.registers.load import Connection, Loading, Progress, Source

# Large enough that a commit is nothing beside the copying.
PIECE = 5_000
# Who has more mistakes than this mends the program that wrote the file.
MOST_PROBLEMS = 100


@dataclass(frozen=True)
class File:
    """What is loaded: a file of one of `bulk_files.FORMATS`."""

    path: Path
    form: str


@dataclass(frozen=True)
class Loaded:
    """How it ended. With problems nothing was loaded; `before`: what an earlier run had done."""

    records: int
    before: int
    problems: tuple[Problem, ...] = ()


def load_file(  # noqa: PLR0913  # a load is all of these
    connection: Connection,
    definition: Definition,
    file: File,
    source: Source,
    *,
    at: datetime,
    progress: Progress = lambda _: None,
) -> Loaded:
    """Load a file, or go on where an earlier run was cut off.

    `connection` is in autocommit. `progress` is told records as they are checked and as they
    are loaded, so twice the number of the file's records in all.

    Raises:
        Missing: `register.unknown`.
        Conflict: `load.running`, another load of this register is at work; `load.differs`, the
            file was begun as another act; `key.taken`, a value was taken since the check;
            `load.changed`, the file was.
        Invalid: `load.format`, `load.columns`, `load.empty`.
    """
    number = _number(connection, definition)
    digest = digest_of(file.path)
    with _alone(connection, number):
        begun = _begun(connection, number, digest, source)
        if begun.finished:
            return Loaded(0, begun.records)
        check = _Check(connection, definition, number)
        problems = check.problems(file, local_date(at), begun.records, progress)
        if problems:
            return Loaded(0, begun.records, tuple(problems))
        if not begun.there:
            connection.execute(
                "insert into registers.bulk_load (register, sha256, source, started_at)"
                " values (%s, %s, %s, %s)",
                (number, digest, json.dumps(asdict(source)), at),
            )
        loading = Loading(connection, {definition.code: definition}, source, at)
        rows = islice(read_rows(file.path, file.form, definition, local_date(at)),
            begun.records, None)  # fmt: skip
        done = _copy(loading, definition, rows, (number, digest), progress)
        connection.execute(
            "update registers.bulk_load set finished_at = %s where register = %s and sha256 = %s",
            (at, number, digest),
        )
    connection.execute("select registers.count_anew()")
    return Loaded(done, begun.records)


def _copy(
    loading: Loading,
    definition: Definition,
    rows: Iterator[Row | Problem],
    mark: tuple[int, bytes],
    progress: Callable[[int], None],
) -> int:
    connection, done = loading.connection, 0
    loading.prepare()
    while taken := list(islice(rows, PIECE)):
        piece = [row for row in taken if isinstance(row, Row)]
        if len(piece) < len(taken):
            raise Conflict("load.changed")
        try:
            with connection.transaction():
                loading.copy([(definition.code, row.valid_from, row.data) for row in piece])
                loading.keep_series()
                connection.execute(
                    "update registers.bulk_load set records = records + %s"
                    " where register = %s and sha256 = %s",
                    (len(piece), *mark),
                )
        except psycopg.errors.UniqueViolation as error:
            raise Conflict(
                "key.taken", register=definition.code, lines=f"{piece[0].line}-{piece[-1].line}"
            ) from error
        done += len(piece)
        progress(len(piece))
    return done


def _number(connection: Connection, definition: Definition) -> int:
    row = connection.execute(
        "select g.id, d.sha256 from registers.register g join registers.definition d"
        " on d.register = g.code and d.version = %s where g.code = %s",
        (definition.version, definition.code),
    ).fetchone()
    if row is None or row[1] != definition.sha256:
        raise Missing("register.unknown", register=definition.code)
    return int(str(row[0]))


@contextmanager
def _alone(connection: Connection, number: int) -> Iterator[None]:
    taken = connection.execute(
        "select pg_try_advisory_lock(hashtextextended('registers bulk', %s))", (number,)
    ).fetchone()
    if taken != (True,):
        raise Conflict("load.running")
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(
                "select pg_advisory_unlock(hashtextextended('registers bulk', %s))", (number,)
            )


@dataclass(frozen=True)
class _Begun:
    there: bool
    records: int
    finished: bool


def _begun(connection: Connection, number: int, digest: bytes, source: Source) -> _Begun:
    row = connection.execute(
        "select source, records, finished_at is not null from registers.bulk_load"
        " where register = %s and sha256 = %s",
        (number, digest),
    ).fetchone()
    if row is None:
        return _Begun(there=False, records=0, finished=False)
    if row[0] != asdict(source):
        raise Conflict("load.differs")
    return _Begun(there=True, records=int(str(row[1])), finished=row[2] is True)


_COPY_KEYS = "copy registers.bulk_wanted (register, key, value, line) from stdin"


@dataclass(frozen=True)
class _Check:
    """The whole file before its first record is loaded."""

    connection: Connection
    definition: Definition
    number: int

    def problems(self, file: File, today: date, done: int, progress: Progress) -> list[Problem]:
        """Return what is wrong, by lines; records an earlier run has loaded are its own."""
        with self.connection.transaction(force_rollback=True):
            found, records = self._read(file, today, done, progress)
            if not records and not found:
                raise Invalid("load.empty")
            found += self._doubles()
        return sorted(found, key=lambda problem: problem.line)[:MOST_PROBLEMS]

    def _read(
        self, file: File, today: date, done: int, progress: Progress
    ) -> tuple[list[Problem], int]:
        found: list[Problem] = []
        records = 0
        enforced = self.definition.enforced
        rows = read_rows(file.path, file.form, self.definition, today)
        with (
            self.connection.cursor() as cursor,
            cursor.copy(_COPY_KEYS) as copy,
        ):
            for row in rows:
                if isinstance(row, Problem):
                    found.append(row)
                    if len(found) >= MOST_PROBLEMS:
                        break
                    continue
                records += 1
                for key in sorted(enforced & row.keys.keys()):
                    line = row.line if records > done else -row.line
                    copy.write_row((self.number, key, row.keys[key], line))
                if records % 1000 == 0:
                    progress(1000)
        progress(records % 1000)
        return found, records

    def _doubles(self) -> list[Problem]:
        """Values that stand twice in the file, or in the register already."""
        names = {key.number: key.name for key in self.definition.keys.values()}
        twice = self.connection.execute(
            "select w.line, w.key from registers.bulk_wanted w"
            " where w.register = %s and w.line > 0 and exists ("
            "select from registers.bulk_wanted o where o.register = w.register"
            " and o.key = w.key and o.value = w.value and abs(o.line) < w.line)"
            " order by w.line limit %s",
            (self.number, MOST_PROBLEMS),
        ).fetchall()
        taken = self.connection.execute(
            "select w.line, w.key from registers.bulk_wanted w join registers.record_key k"
            " on k.register = w.register and k.key = w.key and k.value = w.value and k.enforced"
            " where w.register = %s and w.line > 0 order by w.line limit %s",
            (self.number, MOST_PROBLEMS),
        ).fetchall()
        return [
            Problem(int(str(line)), code, names[int(str(key))])
            for code, rows in (("key.twice", twice), ("key.taken", taken))
            for line, key in rows
        ]
