"""Reading the log: indices, proofs, checkpoints. Never a query for each leaf."""

import base64
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from pencere.kernel.errors import Invalid, Missing
from pencere.ledger.growth import hash_of, stored_below
from pencere.ledger.proofs import (
    EMPTY_ROOT,
    Node,
    Range,
    consistency_ranges,
    inclusion_ranges,
    join,
    perfect_nodes,
)

Connection = psycopg.Connection[TupleRow]


@dataclass(frozen=True)
class StoredCheckpoint:
    """A signed tree head and, where one was taken, the time-stamp token over its note."""

    size: int
    root: bytes
    note: str
    time_stamp: bytes | None


@dataclass(frozen=True)
class Evidence:
    """All that is needed, beside the log's public key, to check that an entry is in the log."""

    entry: bytes
    kind: str
    index: int
    proof: tuple[bytes, ...]
    checkpoint: str

    def as_json(self) -> dict[str, object]:
        """Return the JSON form of docs/specs/ledger.md; hashes are standard Base64."""
        return {
            "leaf": {"entry": self.entry.decode(), "index": self.index, "kind": self.kind},
            "proof": [base64.b64encode(part).decode() for part in self.proof],
            "checkpoint": self.checkpoint,
        }


class Reader(AbstractContextManager["Reader"]):
    """The log of one database, as anybody with its daily user may read it. Safe in threads."""

    def __init__(self, conninfo: str, *, max_connections: int = 4) -> None:
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            conninfo,
            min_size=0,
            max_size=max_connections,
            open=False,
            kwargs={"autocommit": True, "application_name": "ledger-reader"},
        )

    def __enter__(self) -> Self:
        self._pool.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back to the server."""
        self._pool.close()

    def leaf_index(self, leaf_hash: bytes) -> int | None:
        """Return the index of the leaf, or None while it waits for one."""
        with self._connection() as connection:
            row = connection.execute(
                "select min(index) from ledger.leaf where leaf_hash = %s", (leaf_hash,)
            ).fetchone()
        return None if row is None else row[0]

    def checkpoint(self, size: int | None = None) -> StoredCheckpoint:
        """Return the newest checkpoint, or the one of `size`.

        Raises:
            Missing: `ledger.checkpoint_missing`.
        """
        with self._connection() as connection:
            return newest_checkpoint(connection, size)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the audit path of the leaf at `index` in the tree of `size`.

        Raises:
            Invalid: `proof.index` when there is no such leaf, or no such tree yet.
        """
        if not 0 <= index < size:
            raise Invalid("proof.index", index=index, size=size)
        return self._hashes(inclusion_ranges(index, size))

    def consistency(self, first: int, second: int) -> list[bytes]:
        """Return the proof that the tree of `first` leaves is a prefix of that of `second`.

        Raises:
            Invalid: `proof.index` when there are no such trees.
        """
        if not 0 <= first <= second:
            raise Invalid("proof.index", index=first, size=second)
        return self._hashes(consistency_ranges(first, second))

    def evidence(self, leaf_hashes: Sequence[bytes]) -> dict[bytes, Evidence]:
        """Return the evidence of each leaf under the newest checkpoint, in three queries.

        Leaves that wait for an index or for the next checkpoint are left out.
        """
        with self._connection() as connection:
            try:
                head = newest_checkpoint(connection)
            except Missing:
                return {}
            rows = connection.execute(
                "select distinct on (l.leaf_hash) l.leaf_hash, l.index, p.kind, p.entry"
                " from ledger.leaf l join ledger.pending p on p.id = l.pending_id"
                " where l.leaf_hash = any(%s) and l.index < %s order by l.leaf_hash, l.index",
                (list(leaf_hashes), head.size),
            ).fetchall()
            paths = {index: inclusion_ranges(index, head.size) for _, index, _, _ in rows}
            known = range_hashes(connection, {part for path in paths.values() for part in path})
        return {
            leaf: Evidence(
                entry, kind, index, tuple(known[part] for part in paths[index]), head.note
            )
            for leaf, index, kind, entry in rows
        }

    def _hashes(self, ranges: Sequence[Range]) -> list[bytes]:
        with self._connection() as connection:
            known = range_hashes(connection, set(ranges))
        return [known[part] for part in ranges]

    def _connection(self) -> AbstractContextManager[Connection]:
        if self._pool.closed:
            self._pool.open()
        return self._pool.connection(timeout=10)


def newest_checkpoint(connection: Connection, size: int | None = None) -> StoredCheckpoint:
    """Return the newest checkpoint, or the one of `size`."""
    row = connection.execute(
        "select c.size, c.root, c.note, t.token from ledger.checkpoint c"
        " left join ledger.time_stamp t on t.size = c.size"
        " where %(size)s::bigint is null or c.size = %(size)s order by c.size desc limit 1",
        {"size": size},
    ).fetchone()
    if row is None:
        raise Missing("ledger.checkpoint_missing")
    return StoredCheckpoint(*row)


def range_hashes(connection: Connection, ranges: Iterable[Range]) -> dict[Range, bytes]:
    """Return the hash of each range, from one query.

    Raises:
        Invalid: `proof.index` when a range reaches beyond the leaves there are.
    """
    parts = {part: perfect_nodes(part) for part in ranges}
    wanted = {node for nodes in parts.values() for node in nodes}
    stored = _stored_hashes(connection, {low for node in wanted for low in stored_below(node)})
    try:
        known = {node: hash_of([stored[low] for low in stored_below(node)]) for node in wanted}
    except KeyError as error:
        raise Invalid("proof.index") from error
    return {
        part: join([known[node] for node in nodes]) if nodes else EMPTY_ROOT
        for part, nodes in parts.items()
    }


def _stored_hashes(connection: Connection, nodes: Iterable[Node]) -> dict[Node, bytes]:
    leaves: list[int] = []
    levels: list[int] = []
    indices: list[int] = []
    for level, index in nodes:
        if level == 0:
            leaves.append(index)
        else:
            levels.append(level)
            indices.append(index)
    rows = connection.execute(
        "select 0, index, leaf_hash from ledger.leaf where index = any(%s::bigint[])"
        " union all"
        " select n.level, n.index, n.hash from ledger.node n"
        " join unnest(%s::smallint[], %s::bigint[]) as w (level, index)"
        " on n.level = w.level and n.index = w.index",
        (leaves, levels, indices),
    ).fetchall()
    return {(level, index): digest for level, index, digest in rows}
