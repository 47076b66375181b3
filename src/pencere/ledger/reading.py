"""Rows of the log as they are published: entries and hashes of a range, under a signed head."""

from pencere.kernel.errors import Invalid, Missing
from pencere.ledger.store import Connection, newest_checkpoint
from pencere.ledger.tiles import HEIGHT, WIDTH, Tile, encode_bundle


def entries(connection: Connection, start: int, end: int) -> list[tuple[int, str, bytes]]:
    """Return (index, kind, entry) of the leaves from `start` up to and without `end`."""
    return [
        (index, kind, bytes(entry))
        for index, kind, entry in connection.execute(
            "select l.index, p.kind, p.entry from ledger.leaf l"
            " join ledger.pending p on p.id = l.pending_id"
            " where l.index >= %s and l.index < %s order by l.index",
            (start, end),
        ).fetchall()
    ]


def hashes(connection: Connection, level: int, start: int, end: int) -> list[bytes]:
    """Return the hashes of a level that is stored (0, 4, 8, ...), `end` left out."""
    rows = connection.execute(
        "select leaf_hash from ledger.leaf where %(level)s = 0"
        " and index >= %(start)s and index < %(end)s order by index"
        if level == 0
        else "select hash from ledger.node where level = %(level)s"
        " and index >= %(start)s and index < %(end)s order by index",
        {"level": level, "start": start, "end": end},
    ).fetchall()
    return [bytes(row[0]) for row in rows]


def tile(connection: Connection, wanted: Tile) -> bytes:
    """Return a tile or bundle of what the newest checkpoint covers.

    Raises:
        Missing: `tile.missing`; the signed log has not come so far.
    """
    level = wanted.level or 0
    there = newest_checkpoint(connection).size >> (HEIGHT * level)
    end = wanted.first + wanted.width
    if end > there:
        raise Missing("tile.missing", size=there)
    if wanted.level is None:
        return encode_bundle(entry for _, _, entry in entries(connection, wanted.first, end))
    return b"".join(hashes(connection, HEIGHT * level, wanted.first, end))


def check_range(connection: Connection, start: int, end: int) -> int:
    """Return where a read from `start` to `end` stops: 256 entries at most, none unsigned.

    Raises:
        Invalid: `log.range`.
    """
    size = newest_checkpoint(connection).size
    if not 0 <= start < end or start > size:
        raise Invalid("log.range", size=size)
    return min(end, start + WIDTH, size)
