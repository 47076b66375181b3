"""Tiles and entry bundles of C2SP tlog-tiles: how a log is read by anybody, from any cache. Pure.

A tile has 256 hashes of one level (0, 8, 16, ...), a bundle 256 entries. The last of a level may
be partial; a full one never changes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pencere.kernel.errors import Invalid
from pencere.ledger.proofs import HASH_BYTES

WIDTH = 256
HEIGHT = 8
HIGHEST_LEVEL = 7
LONGEST_ENTRY = 65_535
_PATH = re.compile(
    r"(?P<level>entries|[0-9])/(?P<number>(?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/(?P<width>[0-9]{1,3}))?"
)


@dataclass(frozen=True)
class Tile:
    """One tile, or a bundle where `level` is None. `width` is 256 when it is full."""

    level: int | None
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """The path below `tile/`."""
        groups = [f"{self.number % 1000:03}"]
        rest = self.number // 1000
        while rest:
            groups.insert(0, f"x{rest % 1000:03}")
            rest //= 1000
        level = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"{level}/{'/'.join(groups)}{partial}"

    @property
    def first(self) -> int:
        """Index of its first hash or entry within the level."""
        return self.number * WIDTH

    @classmethod
    def parse(cls, path: str) -> "Tile":
        """Read a path below `tile/`.

        Raises:
            Invalid: `tile.path`.
        """
        found = _PATH.fullmatch(path)
        if found is None:
            raise Invalid("tile.path")
        number = int(found["number"].replace("/", "").replace("x", ""))
        width = WIDTH if found["width"] is None else int(found["width"])
        level = None if found["level"] == "entries" else int(found["level"])
        tile = cls(level, number, width)
        # One path for one tile, so that a cache holds it once.
        if (level or 0) > HIGHEST_LEVEL or not 1 <= width <= WIDTH or tile.path != path:
            raise Invalid("tile.path")
        return tile


def bundle_of(index: int, size: int) -> Tile:
    """Return the bundle that holds entry `index` of a log of `size`."""
    number = index // WIDTH
    return Tile(None, number, min(WIDTH, size - number * WIDTH))


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Return a bundle: before each entry its length in two bytes, big-endian."""
    parts = []
    for entry in entries:
        if len(entry) > LONGEST_ENTRY:
            raise Invalid("tile.entry_long", length=len(entry))
        parts += [len(entry).to_bytes(2, "big"), entry]
    return b"".join(parts)


def decode_bundle(content: bytes) -> list[bytes]:
    """Return the entries of a bundle.

    Raises:
        Invalid: `tile.bundle`; it is cut off.
    """
    entries, at = [], 0
    while at < len(content):
        length = int.from_bytes(content[at : at + 2], "big")
        entry = content[at + 2 : at + 2 + length]
        if at + 2 > len(content) or len(entry) != length:
            raise Invalid("tile.bundle")
        entries.append(entry)
        at += 2 + length
    return entries


def decode_hashes(content: bytes) -> list[bytes]:
    """Return the hashes of a tile.

    Raises:
        Invalid: `tile.hashes`.
    """
    if len(content) % HASH_BYTES:
        raise Invalid("tile.hashes")
    return [content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES)]
