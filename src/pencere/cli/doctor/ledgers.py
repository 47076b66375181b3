"""A ledger moves on: entries get indices, heads are signed with its key and time-stamped."""

import hashlib
from collections.abc import Iterator

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from pencere.cli.roles.ledger import origin_of
from pencere.kernel.errors import PencereError
from pencere.ledger.checkpoint import Checkpoint
from pencere.ops.health import Check
from pencere.ops.installation import Installation
from pencere.trust.stamping import verify_token

# A fact waits a quarter of a second for its index; this long means that nobody gives any.
UNSEQUENCED_S = 30
UNSIGNED_S = 60
# The newest head is stamped every minute; the authority may have been away for a while.
UNSTAMPED_S = 600

_UNSEQUENCED = """
select extract(epoch from now() - min(pending.added_at))::float, count(*)
from ledger.pending left join ledger.leaf on leaf.pending_id = pending.id
where leaf.index is null and pending.id > coalesce(
    (select settled from ledger.checkpoint order by size desc limit 1), 0)
"""
_NEWEST = """
select (select max(index) + 1 from ledger.leaf), size, note,
       extract(epoch from now() - signed_at)::float
from ledger.checkpoint order by size desc limit 1
"""
_STAMPED = """
select stamp.size, checkpoint.note, stamp.token
from ledger.time_stamp as stamp join ledger.checkpoint using (size)
order by stamp.size desc limit 1
"""
_UNSTAMPED = """
select extract(epoch from now() - min(signed_at))::float from ledger.checkpoint
where size > %s and size > 0
"""

Connection = psycopg.Connection[tuple[object, ...]]


def check_ledger(
    connection: Connection, installation: Installation, database: str
) -> Iterator[Check]:
    """Two checks of one database's log: its order and newest head; its time-stamps."""
    yield _order(connection, installation, database)
    yield _stamps(connection, installation, database)


def _order(connection: Connection, installation: Installation, database: str) -> Check:
    name = f"ledger {database}"
    waits, count = connection.execute(_UNSEQUENCED).fetchone() or (None, 0)
    if isinstance(waits, float) and waits > UNSEQUENCED_S:
        return Check(name, False, f"{count} entries wait for an index, one for {waits:.0f} s")
    newest = connection.execute(_NEWEST).fetchone()
    if newest is None:
        empty = not count
        return Check(name, empty, "empty" if empty else f"{count} entries, none of them signed")
    leaves, size, note, age = newest
    assert isinstance(age, float)  # noqa: S101  # the query casts it
    try:
        key = load_pem_public_key((installation.pki / f"ledger-{database}.pem").read_bytes())
        assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101  # we published it
        head = Checkpoint.open(str(note), key, origin_of(database))
    except (OSError, ValueError, PencereError) as reason:
        return Check(name, False, f"the newest checkpoint does not verify: {reason}")
    behind = (leaves or 0) != size and age > UNSIGNED_S
    return Check(name, head.size == size and not behind, f"{size} entries signed {age:.0f} s ago")


def _stamps(connection: Connection, installation: Installation, database: str) -> Check:
    name = f"time-stamps {database}"
    stamped = connection.execute(_STAMPED).fetchone()
    size = 0
    detail = "none yet"
    if stamped is not None:
        try:
            size, instant = _verified(stamped, installation)
        except (OSError, PencereError) as reason:
            return Check(name, False, f"the newest does not verify: {reason}")
        detail = f"{size} entries proven before {instant}"
    row = connection.execute(_UNSTAMPED, (size,)).fetchone()
    waits = row[0] if row else None
    if isinstance(waits, float) and waits > UNSTAMPED_S:
        return Check(name, False, f"{detail}; a checkpoint waits for {waits:.0f} s")
    return Check(name, True, detail)


def _verified(stamped: tuple[object, ...], installation: Installation) -> tuple[int, str]:
    size, note, token = stamped
    assert isinstance(size, int)  # noqa: S101  # bigint
    assert isinstance(token, bytes)  # noqa: S101  # bytea
    anchors = x509.load_pem_x509_certificates((installation.pki / "root.crt").read_bytes())
    instant = verify_token(token, hashlib.sha256(str(note).encode()).digest(), anchors)
    return size, f"{instant:%Y-%m-%d %H:%M:%S}Z"
