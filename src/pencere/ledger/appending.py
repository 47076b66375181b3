"""The steps of a sequencer on one connection. Each step is one transaction or none.

1. `append`: entries get indices; leaves and finished nodes are stored together.
2. `sign`: a checkpoint over the tree as it is stored, never over one that could still vanish.
3. `stamp`: a time-stamp token beside the newest checkpoint.

A stop between any two leaves work for the next run and nothing to repair.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import LiteralString

from pencere.kernel.clock import Clock
from pencere.kernel.errors import Invalid, Missing, PencereError
from pencere.ledger.checkpoint import Checkpoint, Signer
from pencere.ledger.growth import Edge, edge_nodes
from pencere.ledger.store import Connection, newest_checkpoint, range_hashes

# Entries that may be waiting in the middle before a scan from the settled mark becomes dear.
WIDE_GAP = 20_000
LOOKS_BETWEEN_WIDE_SCANS = 40


class Inconsistent(PencereError):  # noqa: N818 - of the kernel's family
    """The stored tree does not lead to the checkpoint that was signed over it."""


@dataclass(frozen=True)
class _Watch:
    """Ids up to `last_id` are settled once none of `writers` is at work any more."""

    last_id: int
    writers: frozenset[str]


class Appending:
    """The state of the one sequencer of a database, made from the database when it starts.

    After any error it may be ahead of what was committed, and is thrown away.
    """

    def __init__(self, connection: Connection, origin: str, signer: Signer, clock: Clock) -> None:
        """Load the tree's edge and compare it with the newest checkpoint.

        Raises:
            Inconsistent: `ledger.inconsistent`; then nothing may ever be signed on top.
        """
        self._connection = connection
        self._origin = origin
        self._signer = signer
        self._clock = clock
        self._edge = self._load_edge()
        self._settled, self._signed_size = self._load_mark()
        self._high = self._load_high()
        self._watch: _Watch | None = None
        self._looks = 0

    @property
    def size(self) -> int:
        """How many leaves the tree has."""
        return self._edge.size

    def append(self, limit: int) -> int:
        """Give indices to at most `limit` waiting entries; return to how many."""
        closing = self._watched_writers_are_gone()
        with self._connection.transaction():
            rows = self._waiting(limit, wide=closing)
            if rows:
                self._store(rows)
        if rows:
            self._high = max(self._high, rows[-1][0])
        if closing and len(rows) < limit and self._watch is not None:
            # The scan above began after the last of them had ended, and saw all they left.
            self._settled, self._watch = self._watch.last_id, None
        return len(rows)

    def sign(self) -> bool:
        """Sign and store a checkpoint unless the tree is as it was at the last one."""
        if self._edge.size == self._signed_size:
            return False
        checkpoint = Checkpoint(self._origin, self._edge.size, self._edge.root())
        self._connection.execute(
            "insert into ledger.checkpoint (size, root, note, settled, signed_at)"
            " values (%s, %s, %s, %s, %s)",
            (
                checkpoint.size,
                checkpoint.root,
                checkpoint.sign(self._signer),
                self._settled,
                self._clock.now(),
            ),
        )
        self._signed_size = checkpoint.size
        return True

    def stamp(self, time_stamp: Callable[[bytes], bytes]) -> bool:
        """Time-stamp the newest checkpoint unless it is; `time_stamp` is given SHA-256 of it."""
        try:
            newest = newest_checkpoint(self._connection)
        except Missing:
            return False
        if newest.time_stamp is not None:
            return False
        token = time_stamp(hashlib.sha256(newest.note.encode()).digest())
        self._connection.execute(
            "insert into ledger.time_stamp (size, token) values (%s, %s)", (newest.size, token)
        )
        return True

    def _load_edge(self) -> Edge:
        size = self._one("select coalesce(max(index) + 1, 0) from ledger.leaf")
        nodes = edge_nodes(size)
        ranges = [(index << level, (index + 1) << level) for level, index in nodes]
        known = range_hashes(self._connection, set(ranges))
        return Edge(size, [known[part] for part in ranges])

    def _load_mark(self) -> tuple[int, int]:
        try:
            newest = newest_checkpoint(self._connection)
        except Missing:
            return 0, 0
        whole = (0, newest.size)
        try:
            root = range_hashes(self._connection, {whole})[whole]
        except Invalid:
            root = b""
        if root != newest.root:
            raise Inconsistent("ledger.inconsistent", origin=self._origin, size=newest.size)
        settled = self._one("select settled from ledger.checkpoint order by size desc limit 1")
        return settled, newest.size

    def _load_high(self) -> int:
        return self._one("select coalesce(max(pending_id), 0) from ledger.leaf")

    def _waiting(self, limit: int, *, wide: bool) -> list[tuple[int, bytes]]:
        # Transactions commit in another order than they take ids, so entries appear below the
        # highest one seen. All are found by looking from the settled mark; when a hanging
        # transaction holds that mark far back, only now and then.
        self._looks = (self._looks + 1) % LOOKS_BETWEEN_WIDE_SCANS
        far_back = self._high - self._settled > WIDE_GAP
        after = self._high if far_back and self._looks and not wide else self._settled
        rows = self._connection.execute(
            "select p.id, p.leaf_hash from ledger.pending p"
            " where p.id > %s and not exists"
            " (select from ledger.leaf l where l.pending_id = p.id)"
            " order by p.id limit %s",
            (after, limit),
        ).fetchall()
        return [(number, digest) for number, digest in rows]

    def _store(self, rows: list[tuple[int, bytes]]) -> None:
        first = self._edge.size
        nodes = self._edge.append(digest for _, digest in rows)
        with self._connection.cursor() as cursor:
            with cursor.copy(
                "copy ledger.leaf (index, pending_id, leaf_hash) from stdin (format binary)"
            ) as copy:
                copy.set_types(["int8", "int8", "bytea"])
                for offset, (number, digest) in enumerate(rows):
                    copy.write_row((first + offset, number, digest))
            with cursor.copy(
                "copy ledger.node (level, index, hash) from stdin (format binary)"
            ) as copy:
                copy.set_types(["int2", "int8", "bytea"])
                for (level, index), digest in nodes:
                    copy.write_row((level, index, digest))

    def _watched_writers_are_gone(self) -> bool:
        """Say whether all ids up to the watched one are settled; start a watch if there is none."""
        if self._watch is None:
            # The order matters: whoever took an id up to `last` holds its lock when we look next.
            last = self._one(
                "select case when is_called then last_value else last_value - 1 end"
                " from ledger.pending_id_seq"
            )
            if last > self._settled:
                self._watch = _Watch(last, self._writers())
        return self._watch is not None and not (self._watch.writers & self._writers())

    def _writers(self) -> frozenset[str]:
        rows = self._connection.execute("select writer from ledger.writer").fetchall()
        return frozenset(str(row[0]) for row in rows)

    def _one(self, query: LiteralString) -> int:
        ((number,),) = self._connection.execute(query).fetchall()
        return int(number)
