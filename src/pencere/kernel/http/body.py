"""Bodies that are too large for memory: read again and again from an encrypted file.

A small body is plain `bytes` everywhere; a `Body` comes only above the limit for memory, so who
takes both asks `isinstance(body, bytes)` first. `Stream` is what leaves: bytes and bodies in a
row, of known length.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

CHUNK_BYTES = 64 * 1024


class BodyGone(Exception):  # noqa: N818  # what happened, as elsewhere in the kernel
    """The bytes cannot be read: the file was closed, or its disk failed."""


class ChunkFile(Protocol):
    """Where the bytes are: pieces of CHUNK_BYTES, the last one shorter."""

    def read_chunk(self, number: int) -> bytes:
        """Return one piece; BodyGone when it cannot be had."""

    def close(self) -> None:
        """Let go of the file and its room."""


class Body:
    """Bytes `start` to `start + size` of a spool. `digest` is their SHA-512, made as they came."""

    __slots__ = ("_file", "_start", "digest", "size")

    def __init__(self, file: ChunkFile, start: int, size: int, digest: bytes) -> None:
        self._file = file
        self._start = start
        self.size = size
        self.digest = digest

    def __len__(self) -> int:
        return self.size

    def __bytes__(self) -> bytes:
        """Return all of it; only for who knows that it is small enough."""
        return b"".join(self.chunks())

    def chunks(self) -> Iterator[bytes]:
        """Return the bytes, at most CHUNK_BYTES at a time; may be asked for again."""
        return self._between(0, self.size)

    def read(self, at: int, size: int) -> bytes:
        """Return a few bytes from inside; fewer at the end."""
        return b"".join(self._between(at, min(at + size, self.size)))

    def part(self, at: int, size: int, digest: bytes) -> "Body":
        """Return a part as a body of its own, in the same file."""
        return Body(self._file, self._start + at, size, digest)

    def close(self) -> None:
        """Let go of the file, which its other parts lose too."""
        self._file.close()

    def _between(self, begin: int, end: int) -> Iterator[bytes]:
        at, end = self._start + begin, self._start + end
        while at < end:
            number, offset = divmod(at, CHUNK_BYTES)
            chunk = self._file.read_chunk(number)
            piece = chunk[offset : offset + end - at]
            if not piece:
                raise BodyGone("a file is shorter than its body")
            at += len(piece)
            yield piece


class Stream:
    """What is sent: parts one after the other. May be read more than once."""

    __slots__ = ("_parts", "size")

    def __init__(self, parts: "Sequence[bytes | Body | Stream]") -> None:
        self._parts = parts
        self.size = sum(len(one) for one in parts)

    def __len__(self) -> int:
        return self.size

    def chunks(self) -> Iterator[bytes]:
        """Return the bytes a piece at a time."""
        for one in self._parts:
            if isinstance(one, bytes):
                yield one
            else:
                yield from one.chunks()

    def close(self) -> None:
        """Let go of the bodies inside."""
        for one in self._parts:
            if not isinstance(one, bytes):
                one.close()


class Source:
    """Takes exactly as many bytes of a stream as there is room for."""

    __slots__ = ("_chunks", "_rest", "left")

    def __init__(self, stream: Stream | Body) -> None:
        self._chunks = stream.chunks()
        self._rest = b""
        self.left = len(stream)

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes; BodyGone when they cannot be had."""
        parts = [self._rest]
        missing = size - len(self._rest)
        while missing > 0:
            piece = next(self._chunks, b"")
            if not piece:
                raise BodyGone("a stream is shorter than it said")
            parts.append(piece)
            missing -= len(piece)
        whole = b"".join(parts)
        self._rest = whole[size:]
        self.left -= size
        return whole[:size]


def close(body: "bytes | Body | Stream") -> None:
    """Let go of what is not plain bytes."""
    if not isinstance(body, bytes):
        body.close()
