"""Spool files: bodies above the limit for memory, encrypted, never found again after a crash.

Each file has a cipher of its own, with a key that is only in memory; every piece is sealed with its
number. The file loses its name as soon as it is open, so the system frees it however the
process ends. Pieces are written by one thread; until a piece is on disk it is read from memory.
Who fills a spool stops taking bytes while `is_full`, and is called when there is room.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

from pencere.kernel.http.body import CHUNK_BYTES, Body, BodyGone

log = logging.getLogger(__name__)
_FULL_BYTES = 1024 * 1024
_LOOK_BYTES = 16 * 1024 * 1024
_SUFFIX = ".spool"
# Which bytes the digest is of, given how a message begins: from, and how many or None for all.
Span = Callable[[bytes], tuple[int, int | None]]
_Job = Callable[[], None] | None


class Cipher(Protocol):
    """Seals the pieces of one file. `extra_bytes`: how much longer they become."""

    extra_bytes: int

    def seal(self, number: int, piece: bytes) -> bytes:
        """Seal a piece; each number once."""

    def open(self, number: int, sealed: bytes) -> bytes:
        """Return the piece; ValueError when it was changed."""


class SpoolRefused(Exception):  # noqa: N818  # what happened, as elsewhere in the kernel
    """No room for a body; the message is for the caller of the node."""


class Spools:
    """The spool files of one process: a folder, a budget, and the thread that writes.

    `cipher` makes that of a file. `limit`: bytes of all files together. `free`: bytes that stay
    free on the disk.
    """

    def __init__(
        self, folder: Path, cipher: Callable[[], Cipher], *, limit: int, free: int = 0
    ) -> None:
        self._folder = folder
        self._cipher = cipher
        self._limit = limit
        self._free = free
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._thread: threading.Thread | None = None
        # The last reference to a file may go on the thread.
        self._counting = threading.RLock()
        self.in_use = 0
        self.files = 0
        self.refusals = 0

    def clean(self) -> None:
        """Remove what a crash left between opening a file and taking its name."""
        with contextlib.suppress(FileNotFoundError):
            for one in self._folder.iterdir():
                if one.suffix == _SUFFIX:
                    one.unlink(missing_ok=True)

    def stop(self) -> None:
        """End the thread when it has written what waits."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(5.0)
            self._thread = None

    def open(self, begun: bytes, span: Span | None = None) -> "Spool":
        """Return a spool that holds `begun`.

        Raises:
            SpoolRefused: the budget is used up, or the disk refuses.
        """
        spool = Spool(self._file(), *(span(begun) if span is not None else (0, None)))
        try:
            spool.write(begun)
        except SpoolRefused:
            spool.close()
            raise
        return spool

    def check(self, size: int) -> None:
        """Refuse at once what would not fit; SpoolRefused."""
        if self.in_use + size > self._limit:
            raise self.refusal("the room for large bodies is used up; ask again later")

    def take(self, size: int) -> None:
        """Count bytes that a file is about to have; SpoolRefused."""
        with self._counting:
            self.check(size)
            self.in_use += size

    def give_back(self, size: int) -> None:
        """Count a file that is closed, and its bytes."""
        with self._counting:
            self.in_use -= size
            self.files -= 1

    def look(self, descriptor: int) -> None:
        """Refuse before the disk is full: the log is on it too."""
        found = os.fstatvfs(descriptor)
        if found.f_bavail * found.f_frsize < self._free:
            raise self.refusal("the node's disk is nearly full; ask again later")

    def refusal(self, message: str) -> SpoolRefused:
        """Count and return a refusal."""
        self.refusals += 1
        log.warning("spool_refused in_use=%s files=%s reason=%r", self.in_use, self.files, message)
        return SpoolRefused(message)

    def put(self, job: _Job) -> None:
        """Have the thread do something."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="spool", daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # it holds a file, which may be the last to do so

    def _file(self) -> "_File":
        path = self._folder / f"{secrets.token_hex(16)}{_SUFFIX}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            path.unlink()
        except OSError as problem:
            raise self.refusal(f"the node's disk refuses ({problem.strerror})") from problem
        return _File(self, descriptor, self._cipher())


class _File:
    """One file without a name. Used by the loop's thread, but for `write`."""

    __slots__ = (
        "_cipher",
        "_count",
        "_descriptor",
        "_looked",
        "_loop",
        "_pending",
        "_sealed_bytes",
        "_spools",
        "_taken",
        "on_written",
        "pending_bytes",
        "trouble",
    )  # fmt: skip

    def __init__(self, spools: Spools, descriptor: int, cipher: Cipher) -> None:
        self._spools = spools
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._cipher = cipher
        self._sealed_bytes = CHUNK_BYTES + cipher.extra_bytes
        self._count = 0
        self._taken = 0
        self._looked = -_LOOK_BYTES
        # Pieces that are not on disk: sealed by number; the last one may stay for good.
        self._pending: dict[int, bytes] = {}
        self.pending_bytes = 0
        self.trouble = ""
        self.on_written: Callable[[], None] | None = None
        spools.files += 1  # on the loop's thread, as all but `give_back`

    def add(self, piece: bytes) -> None:
        """Seal the next piece and have it written; only the last one may be short."""
        if self._taken - self._looked >= _LOOK_BYTES:
            self._spools.look(self._descriptor)
            self._looked = self._taken
        self._spools.take(len(piece))
        self._taken += len(piece)
        number, self._count = self._count, self._count + 1
        sealed = self._cipher.seal(number, piece)
        self._pending[number] = sealed
        if len(piece) < CHUNK_BYTES:
            return  # the end of a body is not worth a way to the disk
        self.pending_bytes += len(sealed)
        self._spools.put(lambda: self._write(number, sealed))

    def _write(self, number: int, sealed: bytes) -> None:
        """Write one piece; on the thread."""
        trouble, at = "", number * self._sealed_bytes
        try:
            left = memoryview(sealed)
            while left:
                written = os.pwrite(self._descriptor, left, at)
                left, at = left[written:], at + written
        except OSError as problem:
            trouble = problem.strerror or type(problem).__name__
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits
            self._loop.call_soon_threadsafe(self._on_written, number, trouble)

    def _on_written(self, number: int, trouble: str) -> None:
        if trouble:
            # What is not on disk stays in memory: a body that is whole by now stays whole.
            self.trouble = self.trouble or trouble
        else:
            sealed = self._pending.pop(number, b"")
            self.pending_bytes -= len(sealed)
        if self.on_written is not None:
            self.on_written()

    def read_chunk(self, number: int) -> bytes:
        """Return a piece, from memory or disk."""
        sealed = self._pending.get(number)
        if sealed is None:
            if self._descriptor < 0:
                raise BodyGone("the body was closed")
            try:
                sealed = os.pread(self._descriptor, self._sealed_bytes, number * self._sealed_bytes)
            except OSError as problem:
                raise BodyGone("the disk cannot be read") from problem
        try:
            return self._cipher.open(number, sealed)
        except ValueError as problem:
            raise BodyGone("the file was changed") from problem

    def refused(self) -> SpoolRefused:
        """Return the refusal of a disk that takes no more."""
        return self._spools.refusal(f"the node's disk refuses ({self.trouble})")

    def close(self) -> None:
        """Give back room and file; the thread closes it behind its last piece."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        self.on_written = None
        self._pending.clear()
        self._spools.give_back(self._taken)
        self._spools.put(lambda: os.close(descriptor))

    def __del__(self) -> None:
        self.close()


class Spool:
    """A body on its way in. Close it, or finish it and close the body."""

    def __init__(self, file: _File, start: int, size: int | None) -> None:
        self._file = file
        self._rest = bytearray()
        self._hash = hashlib.sha512()
        self._start = start
        self._end = start + size if size is not None else None
        self._hashed = 0
        self.size = 0

    @property
    def is_full(self) -> bool:
        """Whether to stop taking bytes until the disk has followed."""
        return self._file.pending_bytes >= _FULL_BYTES

    @property
    def trouble(self) -> str:
        """Why the disk does not take more, or empty."""
        return self._file.trouble

    def when_written(self, told: Callable[[], None]) -> None:
        """Have `told` called each time a piece is written, or could not be."""
        self._file.on_written = told

    def write(self, data: bytes) -> None:
        """Take bytes.

        Raises:
            SpoolRefused: the budget is used up, or the disk refuses.
        """
        if self._file.trouble:
            raise self._file.refused()
        self.size += len(data)
        self._digest(data)
        self._rest += data
        if len(self._rest) < CHUNK_BYTES:
            return
        whole = len(self._rest) - len(self._rest) % CHUNK_BYTES
        ready = bytes(memoryview(self._rest)[:whole])
        del self._rest[:whole]
        for at in range(0, whole, CHUNK_BYTES):
            self._file.add(ready[at : at + CHUNK_BYTES])

    def _digest(self, data: bytes) -> None:
        """Take into the digest what lies in the span."""
        begin = self.size - len(data)
        first = max(self._start - begin, 0)
        last = len(data) if self._end is None else min(self._end - begin, len(data))
        if first < last:
            piece = data if (first, last) == (0, len(data)) else data[first:last]
            self._hash.update(piece)
            self._hashed += len(piece)

    def finish(self) -> Body:
        """Return the whole; its digest is that of the span."""
        if self._file.trouble:
            raise self._file.refused()
        self._file.on_written = None
        if self._rest:
            self._file.add(bytes(self._rest))
            self._rest.clear()
        return Body(self._file, 0, self.size, self._hash.digest())

    def close(self) -> None:
        """Give up."""
        self._file.close()
