"""The ZIP file under an ASiC container: read within limits, written so that others read it.

EN 319 162-1 annex A. A ZIP file says twice what is in it; where the two differ, or entries lie
over one another, two readers may see two different files, so such a file is refused as a whole.
"""

import io
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from pencere.kernel.errors import Invalid

LARGEST_BYTES = 128 * 1024 * 1024
MOST_ENTRIES = 2_000
MOST_UNPACKED_BYTES = 256 * 1024 * 1024
# Deflate can do 1032:1; office files and scans stay below a hundredth of that.
LARGEST_RATIO = 200
_FREE_RATIO_BYTES = 1024 * 1024
_LONGEST_NAME = 1024
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
# After an entry written to a pipe: signature, CRC, two sizes of eight octets.
_LONGEST_DESCRIPTOR = 24
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Archive:
    """Files by name, in the order in which they lie. `problems`: what a reader should know."""

    files: dict[str, bytes]
    problems: tuple[str, ...] = ()


def dangerous(reason: str) -> Invalid:
    """Return the error for a container made to mislead or to overwhelm."""
    return Invalid("format.dangerous", reason=reason)


def unpack(content: bytes) -> Archive:
    """Read every file of a ZIP file into memory.

    Raises:
        Invalid: `format.damaged`, `format.too_large`, `format.dangerous`.
    """
    if len(content) > LARGEST_BYTES:
        raise Invalid("format.too_large")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            entries = opened.infolist()
            _refuse_dangerous(entries)
            hidden = _hidden_bytes(content, entries, opened.start_dir)
            files = {one.filename: _read(opened, one) for one in entries if not one.is_dir()}
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
        RuntimeError,
        IndexError,
        OverflowError,
    ) as error:
        raise Invalid("format.damaged", reason=type(error).__name__) from error
    return Archive(files, ("container.hidden_bytes",) if hidden else ())


def pack(files: Mapping[str, bytes], *, mimetype: str) -> bytes:
    """Write a container: `mimetype` first and stored, then the files in the order given.

    The same files give the same bytes: no time and no user of this machine is written.
    """
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as made:
        first = zipfile.ZipInfo("mimetype", _EPOCH)
        first.compress_type = zipfile.ZIP_STORED
        made.writestr(first, mimetype.encode("ascii"))
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            made.writestr(entry, content, compresslevel=6)
    return output.getvalue()


def mimetype_problem(content: bytes, wanted: str) -> bool:
    """Say whether the `mimetype` entry is not first, stored, and without extra field (A.1)."""
    if len(content) < _LOCAL_HEADER.size:
        return True
    _, _, _, method, _, _, _, _, size, name_size, extra_size = _LOCAL_HEADER.unpack_from(content)
    start = _LOCAL_HEADER.size
    name = content[start : start + name_size]
    there = content[start + name_size : start + name_size + len(wanted)]
    return (name, method, extra_size, size, there) != (
        b"mimetype",
        zipfile.ZIP_STORED,
        0,
        len(wanted),
        wanted.encode(),
    )


def is_safe_name(name: str) -> bool:
    """Say whether a name stays inside a folder it is unpacked to and is one name only."""
    parts = name.rstrip("/").split("/")
    return (
        0 < len(name) <= _LONGEST_NAME
        and not any(character in name for character in "\\\0\r\n")
        and not any(part in {"", ".", ".."} for part in parts)
        and all(character.isprintable() for character in name)
    )


def _refuse_dangerous(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MOST_ENTRIES:
        raise Invalid("format.too_large", reason="entries")
    # Two names that a file system or a reader may take for one are one name.
    names = [unicodedata.normalize("NFC", one.filename).casefold() for one in entries]
    if len(set(names)) != len(names):
        raise dangerous("two entries of one name")
    if sum(one.file_size for one in entries) > MOST_UNPACKED_BYTES:
        raise Invalid("format.too_large", reason="unpacked")
    for one in entries:
        # Where the name was cut at a NUL, the name as it was written tells.
        if one.orig_filename != one.filename or not is_safe_name(one.filename):
            raise dangerous("name")
        if one.flag_bits & 0x41:
            raise dangerous("encrypted")
        if one.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise dangerous("compression")
        packed = max(one.compress_size, 1)
        if one.file_size > _FREE_RATIO_BYTES and one.file_size / packed > LARGEST_RATIO:
            raise dangerous("compression ratio")


def _hidden_bytes(content: bytes, entries: list[zipfile.ZipInfo], directory: int) -> bool:
    """Say whether bytes lie outside of every entry; refuse entries that overlap."""
    at, hidden = 0, False
    for one in sorted(entries, key=lambda entry: entry.header_offset):
        start = one.header_offset
        if start < at:
            raise dangerous("entries overlap")
        hidden |= start - at > (_LONGEST_DESCRIPTOR if at else 0)
        header = _LOCAL_HEADER.unpack_from(content, start)
        at = start + _LOCAL_HEADER.size + header[9] + header[10] + one.compress_size
    if at > directory:
        raise dangerous("entries overlap")
    return hidden or directory - at > _LONGEST_DESCRIPTOR


def _read(opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with opened.open(entry) as stream:
        content = stream.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise dangerous("size")
    return content
