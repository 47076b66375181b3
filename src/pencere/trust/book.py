"""What the lists of an issuer hold, kept up with the events instead of read anew each time."""

from collections import Counter
from datetime import datetime
from heapq import heappop, heappush
from typing import NamedTuple

from pencere.trust import der, store

_REASON = der.object_identifier("2.5.29.21")
_INVALIDITY = der.object_identifier("2.5.29.24")
_REMOVED = 8  # removeFromCRL, RFC 5280 section 5.3.1


class Entry(NamedTuple):
    """An entry as lists have it, DER."""

    encoded: bytes
    not_after: datetime
    shard: int | None


class Book:
    """The held and revoked certificates of one issuer."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self._forget()

    def _forget(self) -> None:
        self.seen = 0
        self._scopes: dict[str, dict[bytes, Entry]] = {"full": {}}
        self._removals: dict[bytes, Entry] = {}
        self._counts: Counter[str] = Counter()
        self._recent: frozenset[int] = frozenset()
        self._ends: list[tuple[datetime, bytes]] = []
        self._changed: dict[bytes, None] | None = None
        self._changed_since = 0

    def update(self, connection: store.Connection) -> None:
        """Take in what happened since the last time."""
        events, seen = store.events_since(connection, self.issuer, self.seen)
        if seen < self.seen:  # another cluster, whose transactions count from elsewhere
            self._forget()
            events, seen = store.events_since(connection, self.issuer, 0)
        for event in events:
            if event.number not in self._recent:
                self._take(event)
        self._recent, self.seen = frozenset(event.number for event in events), seen

    def _take(self, event: store.Event) -> None:
        serial, shard = event.serial, event.shard
        scopes = ["full"] if shard is None else ["full", str(shard)]
        encoded = _entry(event)
        entry = Entry(encoded, event.not_after, shard)
        for scope in scopes:
            self._counts[scope] += 1
            held = self._scopes.setdefault(scope, {})
            if event.act == "released":
                held.pop(serial, None)
            else:
                held[serial] = entry
        if event.act == "released":
            self._removals[serial] = entry
        else:
            self._removals.pop(serial, None)
            heappush(self._ends, (event.not_after, serial))
        if self._changed is not None:
            self._changed[serial] = None

    def count(self, scope: str) -> int:
        """Return how many events concern a scope; a list that knows of as many is complete."""
        return self._counts["full" if scope == "delta" else scope]

    def entries(self, scope: str) -> bytes:
        """Return the entries of a list, one after the other."""
        return b"".join([entry.encoded for entry in self._scopes.get(scope, {}).values()])

    def delta(self, connection: store.Connection, since: int) -> bytes:
        """Return the entries of a delta to a list that had seen every transaction before `since`.

        Whatever was touched is in it. One that was held and is free again is to be removed, even
        where the base never had it: a list between may have (RFC 5280 section 5.2.4).
        """
        if self._changed is None or self._changed_since != since:
            events, _ = store.events_since(connection, self.issuer, since)
            self._changed, self._changed_since = {event.serial: None for event in events}, since
        full = self._scopes["full"]
        found = (full.get(serial) or self._removals.get(serial) for serial in self._changed)
        return b"".join([entry.encoded for entry in found if entry is not None])

    def drop_expired(self, *, before: datetime) -> None:
        """Forget entries of certificates that ended before every last list was made.

        So each was on one list made after its end, as RFC 5280 section 3.3 demands.
        """
        while self._ends and self._ends[0][0] < before:
            _, serial = heappop(self._ends)
            for entries in self._scopes.values():
                entries.pop(serial, None)
            self._removals.pop(serial, None)


def _entry(event: store.Event) -> bytes:
    reason = _REMOVED if event.act == "released" else event.reason
    parts = [der.integer(int.from_bytes(event.serial, "big")), der.time(event.since)]
    extensions = []
    if reason:  # RFC 5280 5.3.1: unspecified is said by absence
        extensions.append(der.sequence(_REASON, der.octet_string(der.enumerated(reason))))
    if event.invalid_since is not None:
        value = der.octet_string(der.generalized_time(event.invalid_since))
        extensions.append(der.sequence(_INVALIDITY, value))
    if extensions:
        parts.append(der.sequence(*extensions))
    return der.sequence(*parts)
