"""The status of certificates is written: held, released, revoked, each with its leaf.

All of it happens in the caller's transaction. The database refuses what does not follow from
the status before (`trust.status_event`), so two acts at once cannot both succeed.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import psycopg

from pencere.kernel.errors import Conflict, Missing, PencereError
from pencere.ledger.entries import INSERT, pending_entry
from pencere.trust.registration.office import hex_of, instant
from pencere.trust.store import Connection, Reason

What = Literal["suspended", "released", "revoked"]

REASONS: dict[str, Reason] = {
    "unspecified": Reason.UNSPECIFIED,
    "keyCompromise": Reason.KEY_COMPROMISE,
    "cACompromise": Reason.CA_COMPROMISE,
    "affiliationChanged": Reason.AFFILIATION_CHANGED,
    "superseded": Reason.SUPERSEDED,
    "cessationOfOperation": Reason.CESSATION_OF_OPERATION,
    "privilegeWithdrawn": Reason.PRIVILEGE_WITHDRAWN,
}
REASON_NAMES = {int(reason): name for name, reason in REASONS.items()}
_HOLD = 6
_EVENT = "insert into trust.status_event (serial, act, at, reason) values (%s, %s, %s, %s)"
_EFFECT = (
    "insert into trust.ra_effect (act, serial, what, at) values (%s, %s, %s, %s)"
    " on conflict do nothing"
)


@dataclass(frozen=True)
class Under:
    """The act under which a status changes, and when."""

    act: uuid.UUID
    at: datetime


def suspend(connection: Connection, serials: Sequence[bytes], under: Under) -> None:
    """Put certificates on hold.

    Raises:
        Conflict: `certificate.suspended_already`, `certificate.revoked_already`.
        Missing: `certificate.missing`.
    """
    _record(connection, serials, "suspended", _HOLD, under)


def release(connection: Connection, serials: Sequence[bytes], under: Under) -> None:
    """End holds.

    Raises:
        Conflict: `certificate.not-suspended`, `certificate.revoked_already`.
    """
    _record(connection, serials, "released", None, under)


def revoke(connection: Connection, serials: Sequence[bytes], reason: Reason, under: Under) -> None:
    """Revoke certificates for good; what was held counts as revoked from the hold on.

    Raises:
        Conflict: `certificate.revoked_already`. Missing: `certificate.missing`.
    """
    _record(connection, serials, "revoked", int(reason), under)


def _record(
    connection: Connection,
    serials: Sequence[bytes],
    what: What,
    reason: int | None,
    under: Under,
) -> None:
    act = "held" if what == "suspended" else what
    # In one order everywhere: two acts over the same certificates wait, and never for each other.
    ordered = sorted(serials)
    try:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(_EVENT, [(one, act, under.at, reason) for one in ordered])
            cursor.executemany(_EFFECT, [(under.act, one, what, under.at) for one in ordered])
            cursor.executemany(INSERT, [_leaf(one, what, reason, under) for one in ordered])
    except psycopg.IntegrityError as error:
        raise _refusal(error) from error


def _leaf(serial: bytes, what: What, reason: int | None, under: Under) -> tuple[bytes, str, bytes]:
    kind = {"suspended": "suspension", "released": "release", "revoked": "revocation"}[what]
    facts: dict[str, object] = {
        "kind": kind,
        "act": str(under.act),
        "at": instant(under.at),
        "serial": hex_of(serial),
    }
    if reason is not None:
        facts["reason"] = reason
    return pending_entry(kind, facts).row


def _refusal(error: psycopg.IntegrityError) -> PencereError:
    if isinstance(error, psycopg.errors.ForeignKeyViolation):
        return Missing("certificate.missing")
    if isinstance(error, psycopg.errors.CheckViolation):
        return Conflict("certificate.not-suspended")
    if "held" in (error.diag.message_primary or ""):
        return Conflict("certificate.suspended_already")
    return Conflict("certificate.revoked_already")
