"""Whether the records are still what was written: chains, heads, and leaves of the log."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg

from pencere.registers.chain import Version

Connection = psycopg.Connection[tuple[object, ...]]

CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class Fault:
    """One place that is wrong. `what`: hash, link, gap, head, data, leaf, missing, survivor."""

    record: int
    version: int
    what: str


_VERSIONS = """
    select g.code as register, v.record, v.version, v.schema_version, v.op, v.state, v.valid_from,
        v.valid_to, v.recorded_at, v.actor, v.client, v.purpose, v.basis, v.case_number, v.exchange,
        v.reason, v.salt, v.data::text, v.prev, v.hash,
        v.merged_into, v.content,
        r.version, r.head, r.state, r.data::text, r.erased_at is not null
    from registers.record_version v
        join registers.record r on r.id = v.record
        join registers.register g on g.id = r.register
    {which} order by v.record, v.version
"""

# The entry as chain.leaf_of writes it; a register's code needs no escapes.
_WITHOUT_LEAF = r"""
    select v.record, v.version
    from registers.record_version v
        join registers.record r on r.id = v.record
        join registers.register g on g.id = r.register
    where not exists (
        select from ledger.pending p
        where p.kind = 'register-write' and p.leaf_hash = sha256('\x00'::bytea || convert_to(
            format('{"hash":"%s","record":"%s","register":"%s","version":%s}',
                encode(v.hash, 'hex'), v.record, g.code, v.version), 'UTF8')))
"""

# Where look-ups lead must be the end of the way that the newest versions show.
_WRONG_SURVIVOR = """
    with recursive direct as (
        select v.record, v.merged_into from registers.record_version v
            join registers.record r on r.id = v.record and r.version = v.version
        where v.merged_into is not null
    ), walk as (
        select record, merged_into from direct
        union
        select w.record, d.merged_into from walk w join direct d on d.record = w.merged_into
    ), ends as (
        select record, merged_into from walk w
        where not exists (select from direct d where d.record = w.merged_into)
    )
    select r.id, r.version from registers.record r left join ends e on e.record = r.id
    where r.merged_into is distinct from e.merged_into
"""

_WITHOUT_VERSIONS = """
    select r.id, r.version from registers.record r
    where not exists (select from registers.record_version v where v.record = r.id)
"""


def verify(
    connection: Connection, progress: Callable[[int], None] = lambda _: None
) -> Iterator[Fault]:
    """Read every version once and yield what does not fit.

    `hash`: the version is not what its hash says; `link`: it does not follow the one before;
    `gap`: a version is not there; `head` and `data`: the current row is not the newest version;
    `survivor`: a merged record leads elsewhere than its versions say;
    `leaf`: the log has no entry for it; `missing`: a record without any version.
    """
    for record, version in connection.execute(_WITHOUT_VERSIONS).fetchall():
        yield Fault(int(str(record)), int(str(version)), "missing")
    for record, version in connection.execute(_WITHOUT_LEAF).fetchall():
        yield Fault(int(str(record)), int(str(version)), "leaf")
    for record, version in connection.execute(_WRONG_SURVIVOR).fetchall():
        yield Fault(int(str(record)), int(str(version)), "survivor")
    before = _Before()
    with connection.transaction(), connection.cursor(name="versions") as cursor:
        cursor.execute(_VERSIONS.format(which=""))
        while rows := cursor.fetchmany(CHUNK):
            for row in rows:
                yield from before.faults(_Checked.of(row))
            progress(len(rows))
    yield from before.end()


def hashes_of(connection: Connection, record: int) -> list[tuple[bytes, bytes]]:
    """Return for each version of a record the hash as made now, and as stored."""
    rows = connection.execute(_VERSIONS.format(which="where v.record = %s"), (record,)).fetchall()
    return [(each.hash, each.stored_hash) for each in map(_Checked.of, rows)]


@dataclass(frozen=True)
class _Checked:
    """A version as read, with the row that is current. `content`: what is left of erased data."""

    version: Version
    stored_hash: bytes
    content: bytes | None
    current_version: int
    head: bytes
    current_state: str
    current_data: object
    erased: bool

    @property
    def hash(self) -> bytes:
        """The hash as it must be."""
        if self.content is None:
            return self.version.hash()
        return self.version.hash_with(self.content.hex())

    @classmethod
    def of(cls, row: tuple[object, ...]) -> "_Checked":
        values = list(row)
        if values[17] is None:
            values[16], values[17] = b"", {}
        else:
            values[17] = json.loads(str(values[17]))
        hash_, merged_into, content, current, head, state, data, erased = values[19:]
        version = Version(*[*values[:19], merged_into])  # type: ignore[arg-type]
        assert isinstance(hash_, bytes)  # noqa: S101  # as the columns are
        assert isinstance(head, bytes)  # noqa: S101
        assert content is None or isinstance(content, bytes)  # noqa: S101
        now = json.loads(str(data))
        return cls(
            version, hash_, content, int(str(current)), head, str(state), now, erased is True
        )


class _Before:
    """The version before, while reading in order."""

    def __init__(self) -> None:
        self._last: _Checked | None = None
        self._newest_data: object = None

    def faults(self, each: _Checked) -> Iterator[Fault]:
        version, last = each.version, self._last
        follows = last is not None and last.version.record == version.record
        if last is not None and not follows:
            yield from self.end()
        if each.hash != each.stored_hash:
            yield Fault(version.record, version.version, "hash")
        if version.prev != (last.stored_hash if last is not None and follows else None):
            yield Fault(version.record, version.version, "link")
        if version.version != (last.version.version + 1 if last is not None and follows else 1):
            yield Fault(version.record, version.version, "gap")
        # A correction of a period that is over leaves what is so now as it was.
        if version.valid_to is None:
            self._newest_data = version.data
        self._last = each

    def end(self) -> Iterator[Fault]:
        last = self._last
        if last is None:
            return
        record, number = last.version.record, last.version.version
        if (number, last.stored_hash) != (last.current_version, last.head):
            yield Fault(record, number, "head")
        state = "annulled" if last.erased else last.version.state
        if (self._newest_data, state) != (last.current_data, last.current_state) or (
            last.content is not None
        ) != last.erased:
            yield Fault(record, number, "data")
