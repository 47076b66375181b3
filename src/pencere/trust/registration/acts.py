"""Acts on record: what was asked in canonical form, and how far it has come.

What officers sign is the SHA-256 of `content`. It is written once; only the state moves.
"""

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Conflict, Invalid, Missing
from pencere.ledger.entries import INSERT, pending_entry
from pencere.trust.registration.office import Office, instant
from pencere.trust.store import Connection

TYPE = "pencere.az/ra-act/v1"

_COLUMNS = (
    "id, number, kind, channel, content, sha256, holder, opened_by, case_number, application,"
    " opened_at, expires_at, state, executed_at, result"
)


@dataclass(frozen=True)
class Act:
    """One act as it is kept."""

    id: uuid.UUID
    number: int
    kind: str
    channel: str
    content: bytes
    sha256: bytes
    holder: str | None
    opened_by: str | None
    case_number: str | None
    application: uuid.UUID | None
    opened_at: datetime
    expires_at: datetime
    state: str
    executed_at: datetime | None
    result: dict[str, Any] | None

    @property
    def said(self) -> dict[str, Any]:
        """The act itself, as officers see it."""
        found: dict[str, Any] = json.loads(self.content)
        return found

    @property
    def details(self) -> dict[str, Any]:
        """What the kind needs beside the common fields."""
        found: dict[str, Any] = self.said["details"]
        return found

    @property
    def serials(self) -> list[bytes]:
        """Serial numbers as the store keeps them."""
        return [int(one, 16).to_bytes(max(16, (len(one) + 1) // 2)) for one in self.said["serials"]]

    def state_at(self, at: datetime) -> str:
        """Return the state; time alone ends an open act."""
        return "expired" if self.state == "open" and at >= self.expires_at else self.state


@dataclass(frozen=True)
class Opening:
    """What is put on record as a new act; `said` lacks only its type and times."""

    said: dict[str, Any]
    holder: str | None
    opened_by: str | None
    application: uuid.UUID | None = None


def record(
    connection: Connection, office: Office, opening: Opening, *, at: datetime, expires_at: datetime
) -> tuple[Act, bool]:
    """Put an act on record; the same again is the same act. Say whether it is new.

    Raises:
        Conflict: `act.conflict`, the id is taken by an act that says something else.
    """
    identifier = uuid.UUID(opening.said["id"])
    times = {"opened_at": instant(at), "expires_at": instant(expires_at)}
    content = canonical_json({"type": TYPE, **opening.said, **times})
    sha256 = hashlib.sha256(content).digest()
    row = connection.execute(
        "insert into trust.ra_act (id, kind, channel, content, sha256, holder, opened_by,"
        " case_number, application, opened_at, expires_at)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict (id) do nothing"
        " returning number",
        (
            identifier,
            opening.said["act"],
            opening.said["channel"],
            content,
            sha256,
            opening.holder,
            opening.opened_by,
            opening.said["case"],
            opening.application,
            at,
            expires_at,
        ),
    ).fetchone()
    act = find(connection, identifier)
    if row is None:
        there = {key: value for key, value in act.said.items() if key not in (*times, "type")}
        if there != json.loads(canonical_json(opening.said)):
            raise Conflict("act.conflict")
        return act, False
    leaf(
        connection,
        "ra.act",
        {
            "act": str(act.id),
            "channel": act.channel,
            "holder": office.mark(act.holder, act.id),
            "of": act.kind,
            "sha256": sha256.hex(),
        },
    )
    return act, True


def find(connection: Connection, identifier: uuid.UUID) -> Act:
    """Return an act.

    Raises:
        Missing: `act.missing`.
    """
    return _one(connection, "where id = %s", identifier)


def lock(connection: Connection, identifier: uuid.UUID) -> Act:
    """Return an act and keep everybody else from moving it until the transaction ends."""
    return _one(connection, "where id = %s for no key update", identifier)


def settle(
    connection: Connection,
    act: Act,
    state: str,
    *,
    at: datetime,
    result: dict[str, Any] | None = None,
) -> None:
    """Write the new state; the database refuses to move what is settled."""
    executed_at = act.executed_at or at if state in ("executing", "executed") else None
    connection.execute(
        "update trust.ra_act set state = %s, executed_at = %s, result = %s where id = %s",
        (state, executed_at, None if result is None else Jsonb(result), act.id),
    )


def leaf(connection: Connection, kind: str, facts: dict[str, object]) -> None:
    """Add a leaf to the ledger in the transaction of the fact."""
    connection.execute(INSERT, pending_entry(kind, {"kind": kind, **facts}).row)


@dataclass(frozen=True)
class Search:
    """Which acts are looked for; `awaiting` is a holder who may approve and has not."""

    state: str | None = None
    kind: str | None = None
    holder: str | None = None
    case_number: str | None = None
    application: uuid.UUID | None = None
    awaiting: str | None = None
    before: int | None = None
    limit: int = 50


_STATES = {
    "open": "a.state = 'open' and a.expires_at > %(at)s",
    "expired": "a.state = 'open' and a.expires_at <= %(at)s",
    "executing": "a.state = 'executing'",
    "executed": "a.state = 'executed'",
    "withdrawn": "a.state = 'withdrawn'",
}
_AWAITING = (
    "a.state = 'open' and a.expires_at > %(at)s and a.channel = 'office'"
    " and a.holder is distinct from %(awaiting)s and not exists (select from trust.ra_approval p"
    " where p.act = a.id and p.holder = %(awaiting)s)"
)


def search(connection: Connection, wanted: Search, *, at: datetime) -> list[Act]:
    """Return acts, newest first."""
    if wanted.state is not None and wanted.state not in _STATES:
        raise Invalid("act.content", field="state")
    conditions = ["true"]
    if wanted.state is not None:
        conditions.append(_STATES[wanted.state])
    if wanted.awaiting is not None:
        conditions.append(_AWAITING)
    conditions += [
        f"a.{column} = %({column})s"
        for column in ("kind", "holder", "case_number", "application")
        if getattr(wanted, column) is not None
    ]
    if wanted.before is not None:
        conditions.append("a.number < %(before)s")
    # All parts of the condition are texts of this module.
    query = (
        f"select {_COLUMNS} from trust.ra_act a where {' and '.join(conditions)}"  # noqa: S608
        " order by a.number desc limit %(limit)s"
    )
    with connection.cursor(row_factory=class_row(Act)) as cursor:
        return cursor.execute(query, {**vars(wanted), "at": at}).fetchall()


def _one(connection: Connection, where: str, identifier: uuid.UUID) -> Act:
    with connection.cursor(row_factory=class_row(Act)) as cursor:
        found = cursor.execute(
            f"select {_COLUMNS} from trust.ra_act {where}",  # noqa: S608
            (identifier,),
        ).fetchone()
    if found is None:
        raise Missing("act.missing")
    return found
