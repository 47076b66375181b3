"""Tiles and entry bundles as C2SP tlog-tiles names and shapes them."""

import pytest

from pencere.kernel.errors import Invalid
from pencere.ledger.tiles import Tile, bundle_of, decode_bundle, decode_hashes, encode_bundle


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "0/000"),
        (Tile(0, 255), "0/255"),
        (Tile(1, 1234067, 17), "1/x001/x234/067.p/17"),
        (Tile(None, 1000), "entries/x001/000"),
        (Tile(None, 0, 1), "entries/000.p/1"),
    ],
)
def test_a_tile_has_one_path(tile: Tile, path: str) -> None:
    assert (tile.path, Tile.parse(path)) == (path, tile)


@pytest.mark.parametrize(
    "path",
    [
        *("", "0", "0/0", "0/0000", "0/x000/000", "8/000", "9/000", "x/000", "0/000.p/0"),
        *(
            "0/000.p/256",
            "0/000.p/07",
            "0/000.p/",
            "0/x001",
            "entries/../0/000",
            "0/000/",
            "-1/000",
        ),
        "0/x999/x999/x999/x999/x999/x999/999",
    ],
)
def test_any_other_path_is_refused(path: str) -> None:
    with pytest.raises(Invalid, match=r"tile\.path"):
        Tile.parse(path)


def test_a_bundle_gives_back_its_entries() -> None:
    entries = [b"", b"a", b"x" * 65_535]

    assert decode_bundle(encode_bundle(entries)) == entries


@pytest.mark.parametrize("content", [b"\x00", b"\x00\x02a", b"\x00\x01a\x00"])
def test_a_bundle_that_is_cut_off_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid, match=r"tile\.bundle"):
        decode_bundle(content)


def test_an_entry_longer_than_a_bundle_can_say_is_refused() -> None:
    with pytest.raises(Invalid, match=r"tile\.entry_long"):
        encode_bundle([b"x" * 65_536])


def test_hashes_come_whole() -> None:
    assert decode_hashes(b"a" * 32 + b"b" * 32) == [b"a" * 32, b"b" * 32]
    with pytest.raises(Invalid, match=r"tile\.hashes"):
        decode_hashes(b"a" * 33)


def test_the_last_bundle_is_as_wide_as_the_log_is_long() -> None:
    assert [bundle_of(0, 300), bundle_of(299, 300), bundle_of(256, 512)] == [
        Tile(None, 0, 256),
        Tile(None, 1, 44),
        Tile(None, 1, 256),
    ]
