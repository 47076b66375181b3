"""Archiving: months out of the log into files, and only then out of the database.

A month is written in files of bounded size; each is read back and recorded before the next is
begun, so a stop at any place costs one file. The manifest follows when all are there, is put
into the ledger, and only a month whose files and manifest were read back once more is dropped.
Whatever is away or full leaves everything where it was.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from pencere.gateway.archive import escrow
from pencere.gateway.archive.manifest import (
    Manifest,
    file_name,
    now_text,
    read_manifest,
    root_of_files,
    sealed_manifest,
)
from pencere.gateway.archive.months import Month, drop, months, refuse_unfinished
from pencere.gateway.archive.sealed import FileFacts, seal_file
from pencere.gateway.archive.store import Store
from pencere.gateway.proof.asic import Maker
from pencere.gateway.proof.exchange import ExchangeProof
from pencere.gateway.proof.reading import Connection, Log, certificates_of, leaves_of, load
from pencere.kernel.clock import Clock
from pencere.kernel.errors import Conflict, Missing, Refused
from pencere.ledger.entries import INSERT, pending_entry

log = logging.getLogger(__name__)
LEAF_KIND = "archive"
_AT_ONCE = 200
_LOCK = "select pg_try_advisory_lock(hashtextextended('gateway.archive', 0)) as taken"
_NEXT = """
select exchange, side, seq from {part} where seq > %s order by seq limit %s
"""
_STRADDLING = """
select m.batch from gateway.batch_member m join gateway.batch b on b.id = m.batch
join gateway.response s on s.seq = m.response_seq
where s.recorded_at >= %s and s.recorded_at < %s
    and not exists (select from gateway.batch_leaves k where k.batch = m.batch)
group by m.batch, b.size having count(*) < b.size
"""


@dataclass(frozen=True)
class Archive:
    """How a log is archived. `secrets` are the node's, the newest first.

    `keep`: how long a month stays after its end. `file_bytes` bounds a file before encryption.
    """

    log: Log
    store: Store
    maker: Maker
    clock: Clock
    secrets: tuple[str, ...] = field(repr=False)
    keep: timedelta = timedelta(days=730)
    file_bytes: int = 32 * 1024 * 1024
    file_exchanges: int = 10_000
    escrow: ec.EllipticCurvePublicKey | None = None
    # Has the statuses of the signer and the authority of time-stamps kept, as they are now.
    refresh: Callable[[], object] | None = None


@dataclass
class Summary:
    """What one run did."""

    archived: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    exchanges: int = 0
    files: int = 0


def run(archive: Archive, *, dropping: bool = True) -> Summary:
    """Archive every month whose time has come, and drop it; `archive.log.url` is the owner's.

    Raises:
        Conflict: `archive.running`, or what is not whole yet (`months.refuse_unfinished`).
        Unavailable: `archive.unavailable`, `timestamp.unavailable`: nothing was lost; run it again.
        Refused: `archive.not_stored`: what was read back is not what was written.
    """
    summary = Summary()
    with archive.log.connect() as connection:
        row = connection.execute(_LOCK).fetchone()
        if row is None or not row["taken"]:
            raise Conflict("archive.running")
        for month in months(connection, until=archive.clock.now() - archive.keep):
            number = _number_of(connection, month)
            if number is None:
                refuse_unfinished(connection, month)
                if archive.refresh is not None:
                    archive.refresh()
                number = _archive(connection, archive, month, summary)
                summary.archived.append(f"{month.since:%Y-%m}")
            if dropping:
                _drop(connection, archive, month, number)
                summary.dropped.append(f"{month.since:%Y-%m}")
    return summary


def _number_of(connection: Connection, month: Month) -> int | None:
    row = connection.execute(
        "select manifest from gateway.archive_manifest where since <= %s and until >= %s",
        (month.since, month.until),
    ).fetchone()
    return None if row is None else int(row["manifest"])


def _archive(connection: Connection, archive: Archive, month: Month, summary: Summary) -> int:
    last = connection.execute(
        "select manifest, name, content, until from gateway.archive_manifest"
        " order by manifest desc limit 1"
    ).fetchone()
    number = 1 if last is None else last["manifest"] + 1
    before = None if last is None else read_manifest(last["content"])
    since = month.since if last is None else last["until"]
    if since > month.since:
        raise Conflict("archive.order", month=f"{month.since:%Y-%m}")
    first = 1 if before is None else before.first + before.count
    files, seq = _stored(connection, number)
    for proofs, seq_after in _slices(connection, archive, month, seq):
        at = len(files) + 1
        content, facts = seal_file(
            proofs,
            name=file_name(number, at),
            log=archive.log.ledger_origin,
            first=first + sum(one.count for one in files),
            secret=archive.secrets[0],
        )
        _put(archive.store, facts.name, content)
        connection.execute(
            "insert into gateway.archive_file"
            " (manifest, number, name, facts, last_seq, recorded_at)"
            " values (%s, %s, %s, %s, %s, %s)",
            (number, at, facts.name, json.dumps(facts.as_json()), seq_after, archive.clock.now()),
        )
        files.append(facts)
        summary.files += 1
        summary.exchanges += facts.count
        log.info("archive_file name=%s exchanges=%s bytes=%s", facts.name, facts.count, facts.size)
    manifest = Manifest(
        log=archive.log.ledger_origin,
        number=number,
        previous="" if last is None else hashlib.sha256(last["content"]).hexdigest(),
        since=now_text(since),
        until=now_text(month.until),
        first=first,
        count=sum(one.count for one in files),
        root=root_of_files(files),
        files=tuple(files),
        made_at=now_text(archive.clock.now()),
        escrow=None
        if archive.escrow is None
        else escrow.lock(archive.secrets, archive.escrow, log=archive.log.ledger_origin),
    )
    _keep_straddling(connection, month)
    _conclude(connection, archive, manifest, (since, month.until))
    return number


def _conclude(
    connection: Connection, archive: Archive, manifest: Manifest, period: tuple[Any, Any]
) -> None:
    """Store the manifest, then record it together with its leaf of the ledger."""
    if archive.refresh is not None:
        archive.refresh()  # the files may have taken hours
    certificates, statuses = certificates_of(connection, archive.maker.signer.certificate)
    content = sealed_manifest(
        manifest,
        archive.maker,
        archive.clock.now(),
        certificates=certificates,
        statuses=statuses,
    )
    _put(archive.store, manifest.name, content)
    with connection.transaction():
        connection.execute(
            "insert into gateway.archive_manifest"
            " (manifest, since, until, name, content, recorded_at)"
            " values (%s, %s, %s, %s, %s, %s)",
            (manifest.number, *period, manifest.name, content, archive.clock.now()),
        )
        connection.execute(INSERT, pending_entry(LEAF_KIND, manifest.leaf(content)).row)
    log.info("archive_manifest number=%s exchanges=%s", manifest.number, manifest.count)


def _stored(connection: Connection, number: int) -> tuple[list[FileFacts], int]:
    """Return the files that an earlier run stored, and the last request in them."""
    rows = connection.execute(
        "select facts, last_seq from gateway.archive_file where manifest = %s order by number",
        (number,),
    ).fetchall()
    files = [FileFacts.from_json(json.loads(row["facts"])) for row in rows]
    return files, rows[-1]["last_seq"] if rows else 0


def _slices(
    connection: Connection, archive: Archive, month: Month, seq: int
) -> Iterator[tuple[list[ExchangeProof], int]]:
    """Give the exchanges of a month in portions for one file each, with their last number."""
    waiting: list[ExchangeProof] = []
    size, last = 0, seq
    query = _NEXT.format(part=f"gateway.{month.requests}").encode()
    while rows := connection.execute(query, (last, _AT_ONCE)).fetchall():
        proofs = load(connection, archive.log, [(row["exchange"], row["side"]) for row in rows])
        if len(proofs) != len(rows):
            raise Refused("archive.not_whole", month=f"{month.since:%Y-%m}")
        for row, proof in zip(rows, proofs, strict=True):
            added = _size_of(proof)
            is_full = size + added > archive.file_bytes or len(waiting) >= archive.file_exchanges
            if waiting and is_full:
                yield waiting, last
                waiting, size = [], 0
            waiting.append(proof)
            size, last = size + added, row["seq"]
    if waiting:
        yield waiting, last


def _size_of(proof: ExchangeProof) -> int:
    parts = [one for one in (proof.request, proof.response) if one is not None]
    return 4096 + sum(len(one.sealed_head) + len(one.sealed_body or b"") for one in parts) * 4 // 3


def _put(store: Store, name: str, content: bytes) -> None:
    """Write and read back."""
    store.put(name, content)
    if store.get(name) != content:
        raise Refused("archive.not_stored", name=name)


def _keep_straddling(connection: Connection, month: Month) -> None:
    """Keep the leaves of batches that reach beyond the month: their paths are still asked for."""
    rows = connection.execute(_STRADDLING, (month.since, month.until)).fetchall()
    for batch, leaves in leaves_of(connection, {row["batch"] for row in rows}).items():
        connection.execute(
            "insert into gateway.batch_leaves (batch, leaves) values (%s, %s)"
            " on conflict do nothing",
            (batch, b"".join(leaves)),
        )


def _drop(connection: Connection, archive: Archive, month: Month, number: int) -> None:
    """Drop a month whose archive is there, whole, as it was written."""
    row = connection.execute(
        "select name, content from gateway.archive_manifest where manifest = %s", (number,)
    ).fetchone()
    assert row is not None  # noqa: S101  # it was just written, or found
    _refuse_unless_stored(archive.store, row)
    manifest = read_manifest(row["content"])
    counted = connection.execute(
        f"select count(*) from gateway.{month.requests}".encode()  # noqa: S608 - of the catalogue
    ).fetchone()
    if counted is None or counted["count"] != manifest.count:
        raise Refused("archive.not_whole", month=f"{month.since:%Y-%m}")
    for one in manifest.files:
        if hashlib.sha256(_got(archive.store, one.name)).hexdigest() != one.sha256:
            raise Refused("archive.not_stored", name=one.name)
    with connection.transaction():
        drop(connection, month)
        connection.execute(
            "insert into gateway.archive_drop (manifest, dropped_at) values (%s, %s)",
            (number, archive.clock.now()),
        )
    log.info("archive_dropped month=%s manifest=%s", f"{month.since:%Y-%m}", number)


def _refuse_unless_stored(store: Store, row: Mapping[str, Any]) -> None:
    if _got(store, row["name"]) != row["content"]:
        raise Refused("archive.not_stored", name=row["name"])


def _got(store: Store, name: str) -> bytes:
    try:
        return store.get(name)
    except Missing as problem:
        raise Refused("archive.not_stored", name=name) from problem
