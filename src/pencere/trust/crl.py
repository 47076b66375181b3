"""Certificate revocation lists: full, divided, delta. RFC 5280 section 5; docs/specs/crl.md.

The database gives the number and keeps every list; a file is only its copy, put in place by
rename. Entries are encoded once, when their event is first seen (`book`), so that a list of ten
thousand costs little more than its hash and signature.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from psycopg.rows import class_row

from pencere.trust import der, store
from pencere.trust.book import Book
from pencere.trust.durable import write_durably
from pencere.trust.partitions import PARTS, address, delta_name, list_name
from pencere.trust.profile import AUTHORITIES, ISSUING
from pencere.trust.signers import Signer

log = logging.getLogger(__name__)

# CA/B BR 4.9.7 allows ten days for lists of subscribers and a year for lists of authorities.
LIFETIME = timedelta(days=3)
ROOT_LIFETIME = timedelta(days=180)
DELTA_LIFETIME = timedelta(days=1)

_AUTHORITY_KEY = der.object_identifier("2.5.29.35")
_NUMBER = der.object_identifier("2.5.29.20")
_DELTA = der.object_identifier("2.5.29.27")
_POINT = der.object_identifier("2.5.29.28")
_FRESHEST = der.object_identifier("2.5.29.46")
_CRITICAL = der.boolean(value=True)

# Name under which a list is published -> issuer and scope.
NAMES = {
    **{name: (name, "full") for name in AUTHORITIES},
    **{delta_name(name): (name, "delta") for name in ISSUING},
    **{
        list_name(issuer, shard): (issuer, str(shard))
        for issuer, parts in PARTS.items()
        for shard in range(parts)
    },
}


@dataclass(frozen=True)
class Row:
    """A list as the table has it, without its bytes."""

    scope: str
    number: int
    this_update: datetime
    next_update: datetime
    events: int
    seen: int

    def is_old(self, at: datetime) -> bool:
        """Whether half of its life is over, or the clock stands before it."""
        return not self.this_update <= at < self.this_update + self.life / 2

    @property
    def life(self) -> timedelta:
        """How long it is in force."""
        return self.next_update - self.this_update


class Lists:
    """The lists of one issuer.

    `base_url` is where the lists are fetched; without it there is the full list only, and it
    names no delta.
    """

    def __init__(
        self,
        issuer: str,
        signer: Signer,
        *,
        base_url: str | None = None,
        lifetime: timedelta = LIFETIME,
    ) -> None:
        self.issuer = issuer
        self._signer = signer
        self._base_url = base_url
        self._lifetime = lifetime
        self._book = Book(issuer)
        self._has_delta = base_url is not None and issuer in ISSUING
        self._shards = [str(shard) for shard in range(PARTS.get(issuer, 0)) if base_url]

    def renew(self, connection: store.Connection, *, at: datetime) -> list[str]:
        """Make what is due: after an event, or after half the life of the last. Return the names.

        Copies of the service take turns, so a number is given once. The transaction is the
        caller's; the lists are to be published (`publish`) when it has ended.
        """
        connection.execute(
            "select pg_advisory_xact_lock(hashtextextended('trust.crl ' || %s, 0))",
            (self.issuer,),
        )
        book, at = self._book, at.replace(microsecond=0)
        book.update(connection)
        last = _last(connection, self.issuer)
        base = _base(connection, self.issuer) if self._has_delta else None
        if base is not None and base.seen > book.seen:
            base = None  # the database was restored elsewhere: its transactions count anew
        number = max((row.number for row in last.values()), default=0) + 1
        if last:
            book.drop_expired(before=min(row.this_update for row in last.values()))
        is_base = self._has_delta and (base is None or base.is_old(at))
        due = [scope for scope in ("full", *self._shards) if self._is_due(last.get(scope), at)]
        if is_base and "full" not in due:
            due.insert(0, "full")
        turn = _Turn(connection, number, at)
        for scope in due:
            self._make(turn, scope, book.entries(scope), is_base=is_base and scope == "full")
        if self._has_delta:
            due += self._renew_delta(turn, base, last.get("delta"), is_full_made="full" in due)
        if due:
            log.info("crl_issued issuer=%s number=%d lists=%s", self.issuer, number, ",".join(due))
        return [self._name(scope) for scope in due]

    def _is_due(self, row: "Row | None", at: datetime) -> bool:
        return row is None or row.is_old(at) or row.events != self._book.count(row.scope)

    def _renew_delta(
        self, turn: "_Turn", base: Row | None, last: Row | None, *, is_full_made: bool
    ) -> list[str]:
        # A delta made with a full list bears its number and says the same (RFC 5280 5.2.3).
        if base is None or base.next_update <= turn.at:
            # The list just made is the first of its row: its delta must have a higher number.
            base = _base(turn.connection, self.issuer)
            turn = replace(turn, number=turn.number + 1)
        elif not is_full_made and last is not None and not last.is_old(turn.at):
            return []
        assert base is not None  # noqa: S101  # see above
        entries = self._book.delta(turn.connection, base.seen)
        self._make(turn, "delta", entries, base_number=base.number)
        return ["delta"]

    def _make(
        self,
        turn: "_Turn",
        scope: str,
        entries: bytes,
        *,
        base_number: int | None = None,
        is_base: bool = False,
    ) -> None:
        at, number = turn.at, turn.number
        ends = at + (DELTA_LIFETIME if scope == "delta" else self._lifetime)
        extensions = [(_NUMBER, b"", der.integer(number))]
        if base_number is not None:
            extensions.append((_DELTA, _CRITICAL, der.integer(base_number)))
        elif scope != "full" and self._base_url is not None:
            url = address(self._base_url, self.issuer, int(scope))
            extensions.append((_POINT, _CRITICAL, der.sequence(_at(url))))
        elif self._has_delta:
            url = f"{self._base_url}/crl/{delta_name(self.issuer)}.crl"
            extensions.append((_FRESHEST, b"", der.sequence(der.sequence(_at(url)))))
        encoded = make(
            self._signer, entries, this_update=at, next_update=ends, extensions=extensions
        )
        turn.connection.execute(
            "insert into trust.crl (issuer, scope, number, encoded, this_update, next_update,"
            " base_number, is_base, events, seen)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s::text::xid8)",
            (
                *(self.issuer, scope, number, encoded, at, ends, base_number, is_base),
                *(self._book.count(scope), self._book.seen),
            ),
        )

    def _name(self, scope: str) -> str:
        if scope == "delta":
            return delta_name(self.issuer)
        return list_name(self.issuer, None if scope == "full" else int(scope))


@dataclass(frozen=True)
class _Turn:
    connection: store.Connection
    number: int
    at: datetime


def renew(connection: store.Connection, lists: Lists, folder: Path, *, at: datetime) -> list[str]:
    """Make the lists that are due, commit, and put them into a folder; return their names.

    The file of the full list is put there again when somebody took it away.
    """
    made = lists.renew(connection, at=at)
    connection.commit()
    missing = set() if (folder / f"{lists.issuer}.crl").exists() else {lists.issuer}
    for name in missing.union(made):
        publish(connection, name, folder)
        connection.commit()
    return made


def in_force(connection: store.Connection, name: str) -> tuple[bytes, datetime] | None:
    """Return the newest list of that name and the instant by which the next one must be there."""
    row = _newest(connection, name, "encoded, next_update")
    return (bytes(row[0]), row[1]) if row else None


def ends(connection: store.Connection, issuer: str) -> dict[str, datetime]:
    """Return, for each scope of an issuer, when its newest list ends."""
    return {scope: row.next_update for scope, row in _last(connection, issuer).items()}


def publish(connection: store.Connection, name: str, folder: Path) -> None:
    """Put the newest list of that name into a folder, whole or not at all.

    Copies of the service take turns, so that an older list never comes over a newer one. The
    transaction that made the list has ended before.
    """
    connection.execute("select pg_advisory_xact_lock(hashtextextended('trust.crl publish', 0))")
    found = in_force(connection, name)
    if found is not None:
        path = folder / f"{name}.crl"
        if not path.exists() or path.read_bytes() != found[0]:
            write_durably(path, found[0], mode=0o644)


def make(
    signer: Signer,
    entries: bytes,
    *,
    this_update: datetime,
    next_update: datetime,
    extensions: list[tuple[bytes, bytes, bytes]],
) -> bytes:
    """Return a signed list, DER.

    `entries` are encoded one after the other; `extensions` are identifier, the encoded critical
    flag or nothing, and the value.
    """
    algorithm, certificate = signer.algorithm.identifier, signer.certificate
    key_id = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    authority = der.sequence(der.context(0, key_id, constructed=False))
    tbs = der.sequence(
        der.integer(1),  # v2
        algorithm,
        certificate.subject.public_bytes(),
        der.time(this_update),
        der.time(next_update),
        *([der.sequence(entries)] if entries else []),
        der.context(
            0,
            der.sequence(
                *(
                    der.sequence(oid, critical, der.octet_string(value))
                    for oid, critical, value in ((_AUTHORITY_KEY, b"", authority), *extensions)
                )
            ),
        ),
    )
    return der.sequence(tbs, algorithm, der.bit_string(signer.sign(tbs)))


def _at(url: str) -> bytes:
    """Return a DistributionPointName of one address, as a distribution point holds it."""
    name = der.tlv(0x86, url.encode("ascii"))
    return der.context(0, der.context(0, name))


_ROW = (
    "select scope, number, this_update, next_update, events, seen::text::bigint as seen"
    " from trust.crl"
)


def _last(connection: store.Connection, issuer: str) -> dict[str, Row]:
    with connection.cursor(row_factory=class_row(Row)) as cursor:
        found = cursor.execute(
            f"{_ROW} c where issuer = %s and number = (select max(number) from trust.crl n"  # noqa: S608
            "  where n.issuer = c.issuer and n.scope = c.scope)",
            (issuer,),
        ).fetchall()
    return {row.scope: row for row in found}


def _base(connection: store.Connection, issuer: str) -> Row | None:
    with connection.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(
            f"{_ROW} where issuer = %s and is_base order by number desc limit 1",
            (issuer,),
        ).fetchone()


def _newest(connection: store.Connection, name: str, columns: str) -> tuple[Any, ...] | None:
    if name not in NAMES:
        return None
    return connection.execute(
        f"select {columns} from trust.crl where issuer = %s and scope = %s"  # noqa: S608
        " order by number desc limit 1",
        NAMES[name],
    ).fetchone()
