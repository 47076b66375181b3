"""Follows a public log and finds what is in it about one person or body.

The monitor keeps what it has verified: the size and the right edge of the tree. Each run reads
every new entry, grows its own tree, and compares the root with the signed one. So nothing it has
seen can be changed, taken back, or shown to others differently without a signed proof of it being
left in its hands.
"""

import base64
import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import requests
from cryptography.hazmat.primitives.asymmetric import ec

from pencere.kernel.errors import Invalid, Misconfigured, PencereError, Unavailable
from pencere.ledger.checkpoint import MAX_NOTE_BYTES, Checkpoint
from pencere.ledger.growth import Edge
from pencere.ledger.proofs import leaf_hash
from pencere.ledger.tiles import LONGEST_ENTRY, WIDTH, bundle_of, decode_bundle
from pencere.trust.durable import write_durably
from pencere.trust.holders import mark_of

TIMEOUT_S = 20
# Under these names an entry says whom it is about, and who has approved it.
_MARKS = ("holder", "officer")
_LARGEST_BUNDLE = WIDTH * (LONGEST_ENTRY + 2)


class LogInconsistent(PencereError):  # noqa: N818 -- of the kernel's family
    """The log does not add to what was seen before. `before` and `now` are its own signed notes.

    Codes: `log.shrunk`, `log.split_view`, `log.rewritten`, `log.entry`.
    """

    def __init__(self, code: str, *, before: str, now: str, **facts: object) -> None:
        super().__init__(code, **facts)
        self.before = before
        self.now = now


@dataclass(frozen=True)
class Seen:
    """What of a log was verified. `serials` are those of the watched holder's certificates."""

    origin: str
    size: int = 0
    edge: tuple[bytes, ...] = ()
    note: str = ""
    serials: tuple[str, ...] = ()

    @classmethod
    def read(cls, file: Path, origin: str) -> Self:
        """Read a state file; none is the state of one who has seen nothing.

        Raises:
            Misconfigured: it is not one, or of another log.
        """
        if not file.exists():
            return cls(origin)
        try:
            content = json.loads(file.read_text("utf-8"))
            edge = tuple(base64.b64decode(one, validate=True) for one in content["edge"])
            seen = cls(
                str(content["origin"]),
                int(content["size"]),
                edge,
                str(content["note"]),
                tuple(map(str, content["serials"])),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise Misconfigured(
                file=file, key="state", value=type(error).__name__, example="a file of this command"
            ) from error
        if seen.origin != origin or len(edge) != seen.size.bit_count():
            raise Misconfigured(file=file, key="origin", value=seen.origin, example=origin)
        return seen

    def write(self, file: Path) -> None:
        """Write it, whole or not at all."""
        content = {
            "origin": self.origin,
            "size": self.size,
            "edge": [base64.b64encode(one).decode() for one in self.edge],
            "note": self.note,
            "serials": list(self.serials),
        }
        write_durably(file, (json.dumps(content, indent=1) + "\n").encode())


@dataclass(frozen=True)
class Found:
    """An entry about the watched holder."""

    index: int
    kind: str
    entry: dict[str, Any]


@dataclass(frozen=True)
class Log:
    """A log as anybody reads it: base address, origin, and key had from elsewhere."""

    url: str
    origin: str
    public_key: ec.EllipticCurvePublicKey
    session: requests.Session = field(default_factory=requests.Session)

    def head(self) -> tuple[Checkpoint, str]:
        """Return the newest checkpoint and its note, signature verified.

        Raises:
            Unavailable: `log.unavailable`.
            Invalid, Refused: `checkpoint.*`.
        """
        note = self._get("checkpoint", MAX_NOTE_BYTES).decode("utf-8", "replace")
        return Checkpoint.open(note, self.public_key, self.origin), note

    def entries(self, start: int, size: int) -> Iterator[list[bytes]]:
        """Give the entries from `start` up to `size`, a bundle at a time.

        Raises:
            Unavailable: `log.unavailable`.
            Invalid: `tile.bundle`.
        """
        while start < size:
            bundle = bundle_of(start, size)
            found = decode_bundle(self._get(f"tile/{bundle.path}", _LARGEST_BUNDLE))
            if len(found) != bundle.width:
                raise Invalid("tile.bundle", width=len(found))
            yield found[start - bundle.first :]
            start = bundle.first + bundle.width

    def _get(self, path: str, limit: int) -> bytes:
        try:
            with self.session.get(
                f"{self.url}/{path}", timeout=TIMEOUT_S, stream=True, allow_redirects=False
            ) as answer:
                if answer.status_code != 200:
                    raise Unavailable("log.unavailable", path=path, status=answer.status_code)
                body = bytearray()
                for piece in answer.iter_content(65_536):
                    body += piece
                    if len(body) > limit:
                        raise Unavailable("log.unavailable", path=path, reason="too large")
        except requests.RequestException as error:
            raise Unavailable("log.unavailable", path=path, reason=type(error).__name__) from error
        return bytes(body)


def look(
    log: Log, seen: Seen, handle: bytes | None, *, keep: Callable[[Seen], None]
) -> tuple[Seen, list[Found]]:
    """Verify what the log has added since `seen`; return the new state and what was found.

    `handle` is the watch key of a holder; None verifies only. `keep` is given the new state once
    all of it is verified under the signed root.

    Raises:
        LogInconsistent: with both signed notes as evidence; the state stays as it was.
        Unavailable: the log does not answer; nothing is said about it.
        Invalid, Refused: `checkpoint.*`, the head is not one that the log's key has signed.
    """
    head, note = log.head()
    if head.size < seen.size:
        raise LogInconsistent(
            "log.shrunk", before=seen.note, now=note, size=head.size, seen=seen.size
        )
    edge = Edge(seen.size, list(seen.edge))
    if head.size == seen.size:
        if edge.root() != head.root:
            raise LogInconsistent("log.split_view", before=seen.note, now=note, size=head.size)
        return seen, []
    found: list[Found] = []
    serials = set(seen.serials)
    for bundle in _bundles(log, seen, head, note):
        start = edge.size
        edge.append(leaf_hash(entry) for entry in bundle)
        for offset, entry in enumerate(bundle):
            about = _about(entry, handle, serials)
            if about is not None:
                found.append(Found(start + offset, str(about.get("kind")), about))
    if edge.root() != head.root:
        raise LogInconsistent(
            "log.rewritten", before=seen.note, now=note, size=head.size, seen=seen.size
        )
    after = replace(
        seen,
        size=head.size,
        edge=edge.hashes,
        note=note,
        serials=tuple(sorted(serials)),
    )
    keep(after)
    return after, found


def _bundles(log: Log, seen: Seen, head: Checkpoint, note: str) -> Iterator[list[bytes]]:
    try:
        yield from log.entries(seen.size, head.size)
    except Invalid as error:
        raise LogInconsistent("log.entry", before=seen.note, now=note, reason=error.code) from error


def _about(entry: bytes, handle: bytes | None, serials: set[str]) -> dict[str, Any] | None:
    """Return the facts of an entry that is about the holder, and remember its certificate."""
    if handle is None:
        return None
    facts: object = None
    with contextlib.suppress(ValueError, RecursionError):
        facts = json.loads(entry)
    if not isinstance(facts, dict):
        return None
    serial, marks = facts.get("serial"), [facts.get(name) for name in _MARKS]
    for identifier in (serial, facts.get("act"), facts.get("id")):
        if isinstance(identifier, str) and mark_of(handle, identifier) in marks:
            if isinstance(serial, str):
                serials.add(serial)
            return facts
    return facts if isinstance(serial, str) and serial in serials else None


def keep_evidence(file: Path, error: LogInconsistent) -> Path:
    """Write both signed notes beside the state file: whoever has the log's key can judge them."""
    evidence = file.with_name(f"{file.name}.evidence")
    content = {
        "code": error.code,
        "facts": {key: str(value) for key, value in error.facts.items()},
        "before": error.before,
        "now": error.now,
    }
    write_durably(evidence, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
    return evidence
