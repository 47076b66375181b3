"""Records moved to the newest definition of their register: an act, with its basis and reason.

All are tried first, and one that would not fit moves none. Each moved record gets a version with
`op` move: what is so stays so, in the new form; the chain goes on. In pieces, each a transaction;
one that is cut off goes on. The service is stopped meanwhile, and does not start before the end.
"""

import json
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from psycopg.rows import class_row

from pencere.kernel.errors import Conflict, Invalid, PencereError
from pencere.registers.chain import SALT_BYTES, Version, leaf_of
from pencere.registers.definition import Definition
from pencere.registers.document import validate
from pencere.registers.keys import key_values
from pencere.registers.load import Connection, Progress, Source
from pencere.registers.steps import History

PIECE = 1_000
# Of each kind of misfit so many records are named.
NAMED = 5
_ONE_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Misfit:
    """Records that would not fit: the reason, where, how many, and the ids of some."""

    code: str
    where: str
    count: int
    records: tuple[int, ...]


@dataclass(frozen=True)
class Moved:
    """What was done, or would be: with misfits nothing."""

    records: int
    misfits: tuple[Misfit, ...] = ()


@dataclass(frozen=True)
class _Row:
    id: int
    version: int
    schema_version: int
    state: str
    valid_from: date
    recorded_at: datetime
    head: bytes
    data: dict[str, object]
    merged_into: int | None


_ROWS = """
    select r.id, r.version, v.schema_version, r.state, r.valid_from, r.recorded_at, r.head, r.data,
        v.merged_into
    from registers.record r
        join registers.record_version v on v.record = r.id and v.version = r.version
    where r.register = %s and r.erased_at is null and v.schema_version < %s and r.id > %s
    order by r.id limit %s
"""


_RETIRE = """
    update registers.record_key set active = false where record = %s and key = %s and value = %s
"""
_DROP = "delete from registers.record_key where record = %s and key = %s and value = %s"


@dataclass(frozen=True)
class Moving:
    """A move at work. `connection` is in autocommit; `history` leads to `definition`."""

    connection: Connection
    definition: Definition
    history: History
    number: int
    source: Source
    at: datetime

    def try_all(self, progress: Progress = lambda _: None) -> Moved:
        """Return what a move would do, without doing it."""
        counts: Counter[tuple[str, str]] = Counter()
        named: dict[tuple[str, str], list[int]] = {}
        fit = 0
        for rows in self._pieces(""):
            for row in rows:
                try:
                    self._new_data(row)
                    fit += 1
                except PencereError as error:
                    for reason in _reasons(error):
                        counts[reason] += 1
                        named.setdefault(reason, []).append(row.id)
            progress(len(rows))
        misfits = [
            Misfit(*reason, count, tuple(named[reason][:NAMED]))
            for reason, count in sorted(counts.items())
        ]
        return Moved(fit, tuple(misfits))

    def run(self, progress: Progress = lambda _: None) -> Moved:
        """Move every record that is not moved yet.

        Raises:
            Conflict: `key.taken`, two records would have one value; earlier pieces stay moved.
        """
        tried = self.try_all()
        if tried.misfits:
            return Moved(0, tried.misfits)
        done = 0
        while True:
            with self.connection.transaction():
                rows = self._rows(0, " for update of r")
                for row in rows:
                    self._move(row)
            if not rows:
                break
            done += len(rows)
            progress(len(rows))
        self.connection.execute(
            "update registers.move set finished_at = %s, records = records + %s"
            " where register = %s and version = %s",
            (self.at, done, self.number, self.definition.version),
        )
        return Moved(done)

    def begin(self) -> None:
        """Put the act on record; the same act may go on.

        Raises:
            Conflict: `move.differs`, it was begun as another act.
        """
        said = json.dumps(asdict(self.source))
        row = self.connection.execute(
            "insert into registers.move (register, version, source, started_at)"
            " values (%s, %s, %s, %s)"
            " on conflict (register, version) do update set version = excluded.version"
            " returning source",
            (self.number, self.definition.version, said, self.at),
        ).fetchone()
        if row is None or row[0] != asdict(self.source):
            raise Conflict("move.differs")

    def _pieces(self, locked: str) -> Iterator[Sequence[_Row]]:
        after = 0
        while rows := self._rows(after, locked):
            yield rows
            after = rows[-1].id

    def _rows(self, after: int, locked: str) -> Sequence[_Row]:
        with self.connection.cursor(row_factory=class_row(_Row)) as cursor:
            cursor.execute(
                f"{_ROWS}{locked}",
                (self.number, self.definition.version, after, PIECE),
            )
            return cursor.fetchall()

    def _new_data(self, row: _Row) -> dict[str, object]:
        data = validate(self.definition, self.history.forward(row.data, row.schema_version))
        subject = self.definition.subject
        if subject is not None and data[subject] != row.data.get(subject):
            raise Invalid("subject.changed")
        key_values(self.definition, data)
        return data

    def _move(self, row: _Row) -> None:
        data = self._new_data(row)
        version = Version(
            register=self.definition.code,
            record=row.id,
            version=row.version + 1,
            schema_version=self.definition.version,
            op="move",
            state=row.state,
            valid_from=row.valid_from,
            valid_to=None,
            recorded_at=max(self.at, row.recorded_at + _ONE_TICK),
            actor=None,
            client=self.source.client,
            purpose=self.source.purpose,
            basis=self.source.basis,
            case=self.source.case,
            exchange=None,
            reason=self.source.reason,
            salt=secrets.token_bytes(SALT_BYTES),
            data=data,
            prev=row.head,
            merged_into=row.merged_into,
        )
        digest = version.hash()
        self._write(version, digest)
        # A merged record keeps its keys, which lead to the survivor.
        if row.state == "valid" or row.merged_into is not None:
            self._rekey(row.id, data)

    def _write(self, said: Version, digest: bytes) -> None:
        document = json.dumps(said.data)
        self.connection.execute(
            "insert into registers.record_version (record, version, schema_version, op, state,"
            " valid_from, recorded_at, client, purpose, basis, case_number, reason, salt, data,"
            " prev, hash, merged_into) values"
            " (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (said.record, said.version, said.schema_version, said.op, said.state, said.valid_from,
                said.recorded_at, said.client, said.purpose, said.basis, said.case, said.reason,
                said.salt, document, said.prev, digest, said.merged_into),
        )  # fmt: skip
        self.connection.execute(
            "update registers.record set version = %s, recorded_at = %s, head = %s, data = %s"
            " where id = %s",
            (said.version, said.recorded_at, digest, document, said.record),
        )
        self.connection.execute(
            "insert into ledger.pending (leaf_hash, kind, entry) values (%s, %s, %s)",
            leaf_of(said.register, said.record, said.version, digest),
        )

    def _rekey(self, record: int, data: Mapping[str, object]) -> None:
        kinds = {key.number: key.kind for key in self.definition.keys.values()}
        rows = self.connection.execute(
            "select key, value from registers.record_key where record = %s and active", (record,)
        ).fetchall()
        old = {(int(str(key)), str(value)) for key, value in rows}
        new = set(key_values(self.definition, data).items())
        for number, value in sorted(old - new):
            kept = kinds.get(number) == "forever"
            self.connection.execute(_RETIRE if kept else _DROP, (record, number, value))
        for number, value in sorted(new - old):
            added = self.connection.execute(
                "insert into registers.record_key (register, key, value, record, active, enforced)"
                " values (%s, %s, %s, %s, true, %s)"
                " on conflict (register, key, value) where enforced"
                " do update set active = true where record_key.record = excluded.record",
                (self.number, number, value, record, number in self.definition.enforced),
            )
            if not added.rowcount:
                names = [key.name for key in self.definition.keys.values() if key.number == number]
                raise Conflict("key.taken", register=self.definition.code, key=names[0])


def _reasons(error: PencereError) -> list[tuple[str, str]]:
    fields = error.facts.get("fields")
    if isinstance(fields, list):
        return [(error.code, f"{each['field']} {each['rule']}") for each in fields]
    return [(error.code, str(error.facts.get("key", "")))]
