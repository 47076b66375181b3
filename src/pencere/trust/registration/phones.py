"""Phones as the registration authority sees them: their PINs, and how often they were unblocked."""

import uuid
from datetime import datetime

from pencere.kernel.errors import Missing, Refused
from pencere.trust import pins
from pencere.trust.registration.office import instant
from pencere.trust.store import Connection

MOST_UNBLOCKINGS = 3


def require(connection: Connection, device: uuid.UUID, holder: str) -> None:
    """Refuse a phone that is not this person's, is closed, or was unblocked too often.

    Raises:
        Missing: `device.missing`. Refused: `pin.unblock-limit`.
    """
    row = connection.execute(
        "select true from trust.device where id = %s and holder = %s and closed_at is null"
        " for update",
        (device, holder),
    ).fetchone()
    if row is None or not pins.is_counted_here(connection, device):
        raise Missing("device.missing")
    if _unblockings(connection, device) >= MOST_UNBLOCKINGS:
        raise Refused("pin.unblock-limit")


def note_unblocking(
    connection: Connection, device: uuid.UUID, act: uuid.UUID, *, at: datetime
) -> None:
    """Count an unblocking against the phone."""
    connection.execute(
        "insert into trust.pin_unblocking (act, device, at) values (%s, %s, %s)",
        (act, device, at),
    )


def listing(connection: Connection, holder: str) -> list[dict[str, object]]:
    """Return a person's phones, newest first."""
    rows = connection.execute(
        "select id, phone, registered_at, closed_at from trust.device where holder = %s"
        " order by registered_at desc, id",
        (holder,),
    ).fetchall()
    return [
        {
            "id": str(device),
            "phone": phone,
            "registered_at": instant(registered),
            "closed_at": None if closed is None else instant(closed),
            "pins": {
                purpose: {"state": "ok" if left else "blocked", "tries_left": left}
                for purpose, left in sorted(pins.tries_left(connection, device).items())
            }
            or None,
            "unblocks_left": MOST_UNBLOCKINGS - _unblockings(connection, device),
        }
        for device, phone, registered, closed in rows
    ]


def _unblockings(connection: Connection, device: uuid.UUID) -> int:
    row = connection.execute(
        "select count(*) from trust.pin_unblocking where device = %s", (device,)
    ).fetchone()
    return int(row[0]) if row else 0
