"""Who asked to be told of certificates issued in their name, and what there is to tell.

What is told is read from the log itself, by index, so nothing that is in the log is left out.
"""

import json
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pencere.kernel.errors import Invalid, Missing
from pencere.ledger.reading import entries
from pencere.ledger.store import newest_checkpoint
from pencere.trust.store import Connection, serial_bytes

# Leaves looked through for one answer.
MOST_LEAVES = 4_096
_TOLD = frozenset({"certificate", "revocation", "suspension", "release"})
_SERIAL = re.compile(r"[0-9a-f]{1,40}")


@dataclass(frozen=True)
class Notice:
    """Something that happened to a certificate of a subscribed holder."""

    index: int
    subscription: uuid.UUID
    kind: str
    serial: str
    profile: str
    not_after: datetime
    facts: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the form of docs/specs/transparency.md."""
        return {
            "index": self.index,
            "subscription": str(self.subscription),
            "kind": self.kind,
            "serial": self.serial,
            "profile": self.profile,
            "not_after": self.not_after.isoformat(),
            "entry": self.facts,
        }


def subscribe(connection: Connection, holder: str, channel: str, *, at: datetime) -> uuid.UUID:
    """Subscribe a holder from now on; one that is subscribed keeps the subscription it has.

    What waits for its index at this moment, a second or so, is told too.
    """
    row = connection.execute("select coalesce(max(index) + 1, 0) from ledger.leaf").fetchone()
    first = int(row[0]) if row else 0
    connection.execute(
        "insert into trust.log_subscription (id, holder, channel, first_index, created_at)"
        " values (%s, %s, %s, %s, %s) on conflict (holder, channel) where ended_at is null"
        " do nothing",
        (uuid.uuid4(), holder, channel, first, at),
    )
    found = connection.execute(
        "select id from trust.log_subscription"
        " where holder = %s and channel = %s and ended_at is null",
        (holder, channel),
    ).fetchone()
    assert found is not None  # noqa: S101 -- inserted, or there
    identifier: uuid.UUID = found[0]
    return identifier


def find(connection: Connection, holder: str, channel: str) -> uuid.UUID | None:
    """Return the subscription of a holder that is in force."""
    found = connection.execute(
        "select id from trust.log_subscription"
        " where holder = %s and channel = %s and ended_at is null",
        (holder, channel),
    ).fetchone()
    return None if found is None else found[0]


def unsubscribe(
    connection: Connection, identifier: uuid.UUID, channel: str, *, at: datetime
) -> None:
    """End a subscription.

    Raises:
        Missing: `subscription.missing`.
    """
    row = connection.execute(
        "update trust.log_subscription set ended_at = %s"
        " where id = %s and channel = %s and ended_at is null returning id",
        (at, identifier, channel),
    ).fetchone()
    if row is None:
        raise Missing("subscription.missing")


def since(connection: Connection, start: int, channel: str) -> tuple[list[Notice], int]:
    """Return the notices of leaves from `start` on, and from where to ask next.

    Raises:
        Invalid: `log.range`.
    """
    try:
        size = newest_checkpoint(connection).size
    except Missing:
        return [], start
    if not 0 <= start <= size:
        raise Invalid("log.range", size=size)
    end = min(size, start + MOST_LEAVES)
    found = []
    for index, kind, entry in entries(connection, start, end):
        if kind in _TOLD:
            facts = json.loads(entry)
            serial = facts.get("serial")
            if isinstance(serial, str) and _SERIAL.fullmatch(serial):
                found.append((index, kind, serial, facts))
    return _of_subscribers(connection, found, channel), end


def _of_subscribers(
    connection: Connection, found: list[tuple[int, str, str, dict[str, Any]]], channel: str
) -> list[Notice]:
    serials = [serial_bytes(int(serial, 16)) for _, _, serial, _ in found]
    rows = connection.execute(
        "select c.serial, c.profile, c.not_after, s.id, s.first_index from trust.certificate c"
        " join trust.log_subscription s on s.holder = c.holder and s.channel = %s"
        " and s.ended_at is null where c.serial = any(%s)",
        (channel, serials),
    ).fetchall()
    of_serial = {bytes(row[0]): row[1:] for row in rows}
    notices = []
    for (index, kind, serial, facts), raw in zip(found, serials, strict=True):
        if (known := of_serial.get(raw)) is not None and index >= known[3]:
            profile, not_after, subscription, _ = known
            notices.append(Notice(index, subscription, kind, serial, profile, not_after, facts))
    return notices
