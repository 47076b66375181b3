"""Signing thousands of files: one activation for many, flat memory, and going on where it ended.

Nothing is written but whole results, by rename. After a `kill -9` the same call signs what is
missing: a result that is there and holds is recognised by what it is.
"""

import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pencere.documents.formats.archive import LARGEST_BYTES
from pencere.documents.formats.methods import Method
from pencere.documents.formats.signer import Signer, ToBeSigned
from pencere.kernel.errors import Conflict, Invalid, Missing, PencereError, Unavailable
from pencere.trust.durable import write_durably

# As much as is in memory at once; a result is about as large as its file.
MOST_BYTES_AT_ONCE = 32 * 1024 * 1024
MOST_AT_ONCE = 1000
# Time-stamps and status are waited for, not computed.
WAITING = 4
# When so many files in a row fail for want of a service, the rest would too.
GIVE_UP_AFTER = 3


@dataclass(frozen=True)
class Outcome:
    """What became of one file. `error` says why it was not signed."""

    source: Path
    target: Path
    state: Literal["signed", "already", "failed"]
    error: PencereError | None = None


@dataclass(frozen=True)
class _Read:
    source: Path
    target: Path
    size_bytes: int
    prepared: ToBeSigned


@dataclass
class Batch:
    """Sign files one way. `cosign`: put a signature beside those of others in a result."""

    method: Method
    signer: Signer
    out: Path | None = None
    cosign: bool = False
    report: Callable[[int], None] = lambda _done: None

    def run(self, sources: Iterable[Path]) -> Iterator[Outcome]:
        """Sign files and say of each what became of it, in some order.

        When the key is refused or away, or a service stays away, the files left are said to have
        failed, and nothing more is tried.
        """
        stopped = _Stopped()
        with ThreadPoolExecutor(WAITING) as pool:
            for done, outcome in enumerate(self._outcomes(sources, pool, stopped), 1):
                self.report(done)
                stopped.hear(outcome)
                yield outcome

    def _outcomes(
        self,
        sources: Iterable[Path],
        pool: ThreadPoolExecutor,
        stopped: "_Stopped",
    ) -> Iterator[Outcome]:
        waiting: list[_Read] = []
        most = min(MOST_AT_ONCE, self.signer.most_digests)
        for source in sources:
            if stopped.why is not None:
                yield Outcome(source, self._target(source), "failed", stopped.why)
                continue
            found = self._prepare(source)
            if isinstance(found, Outcome):
                yield found
                continue
            waiting.append(found)
            full = sum(one.size_bytes for one in waiting) >= MOST_BYTES_AT_ONCE
            if full or len(waiting) >= most:
                yield from self._sign(waiting, pool, stopped)
                waiting = []
        yield from self._sign(waiting, pool, stopped)

    def _prepare(self, source: Path) -> _Read | Outcome:
        target = self._target(source)
        try:
            content = _content(source)
            # A container is signed where it lies: it is its own earlier result.
            in_place = target == source
            there = content if in_place else _content(target) if target.exists() else None
            if there is not None and self.method.is_done(source.name, content, there):
                return Outcome(source, target, "already")
            if there is not None and not (self.cosign or in_place):
                raise Conflict("sign.output_exists", file=target.name)
            prepared = self.method.prepare(source.name, content, None if in_place else there)
        except PencereError as error:
            return Outcome(source, target, "failed", error)
        return _Read(source, target, len(content), prepared)

    def _sign(
        self,
        waiting: Sequence[_Read],
        pool: ThreadPoolExecutor,
        stopped: "_Stopped",
    ) -> Iterator[Outcome]:
        if not waiting:
            return iter(())
        try:
            signatures = self.signer.sign_digests([one.prepared.digest for one in waiting])
        except PencereError as error:
            stopped.why = error
            return iter([Outcome(one.source, one.target, "failed", error) for one in waiting])

        def finish(pair: tuple[_Read, bytes]) -> Outcome:
            if stopped.why is not None:
                return Outcome(pair[0].source, pair[0].target, "failed", stopped.why)
            return _finish(*pair)

        return pool.map(finish, zip(waiting, signatures, strict=True))

    def _target(self, source: Path) -> Path:
        return (self.out or source.parent) / self.method.target(source.name)


@dataclass
class _Stopped:
    """Why nothing more is tried, once something says so."""

    why: PencereError | None = None
    _in_a_row: int = 0

    def hear(self, outcome: Outcome) -> None:
        """Count files that failed one after another for want of a service."""
        self._in_a_row = self._in_a_row + 1 if isinstance(outcome.error, Unavailable) else 0
        if self.why is None and self._in_a_row >= GIVE_UP_AFTER:
            self.why = outcome.error


def _finish(one: _Read, signature: bytes) -> Outcome:
    try:
        made = one.prepared.finish(signature)
        one.target.parent.mkdir(parents=True, exist_ok=True)
        write_durably(one.target, made, mode=0o644)
    except PencereError as error:
        return Outcome(one.source, one.target, "failed", error)
    except OSError as error:
        refused = Unavailable("sign.not_written", file=one.target.name, reason=error.strerror)
        return Outcome(one.source, one.target, "failed", refused)
    return Outcome(one.source, one.target, "signed")


def _content(file: Path) -> bytes:
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):
            raise Invalid("sign.no_file", file=file.name)
        if found.st_size > LARGEST_BYTES:
            raise Invalid("format.too_large", file=file.name)
        return file.read_bytes()
    except OSError as error:
        raise Missing("sign.no_file", file=file.name, reason=error.strerror) from error
