"""Many certificates are revoked under one act: chosen by what they have in common, in batches.

The selection has a cut-off instant and leaves out what is revoked already, so each batch is
simply the next of what it still finds: a stop between two batches loses nothing and repeats
nothing.
"""

import logging
from dataclasses import dataclass
from dataclasses import fields as fields_of
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb

from pencere.trust.profile import ISSUING
from pencere.trust.registration import acts, fields, recording
from pencere.trust.registration.acts import Act
from pencere.trust.registration.fields import Content
from pencere.trust.registration.office import hex_of, instant
from pencere.trust.registration.recording import REASONS, Under
from pencere.trust.registration.subjects import OF_CENTRE
from pencere.trust.store import Connection

log = logging.getLogger(__name__)

BATCH = 500
MOST_NAMED = 1000
_WORD = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


@dataclass(frozen=True)
class Selection:
    """Which certificates; all conditions that are given hold together."""

    issued_until: datetime
    issuer: str | None = None
    profile: str | None = None
    issued_from: datetime | None = None
    keys: tuple[bytes, ...] = ()
    serials: tuple[bytes, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the selection as acts hold it."""
        found: dict[str, Any] = {"issued_until": instant(self.issued_until)}
        if self.issuer is not None:
            found["issuer"] = self.issuer
        if self.profile is not None:
            found["profile"] = self.profile
        if self.issued_from is not None:
            found["issued_from"] = instant(self.issued_from)
        if self.keys:
            found["keys"] = [one.hex() for one in self.keys]
        if self.serials:
            found["serials"] = [hex_of(one) for one in self.serials]
        return found


_NAMES = tuple(one.name for one in fields_of(Selection))
_CONDITIONS = {
    "issuer": "c.issuer = %(issuer)s",
    "profile": "c.profile = %(profile)s",
    "issued_from": "c.issued_at >= %(issued_from)s",
    "keys": "trust.key_sha256(c.tbs) = any(%(keys)s)",
    "serials": "c.serial = any(%(serials)s)",
}


def read(given: Content, *, at: datetime) -> Selection:
    """Read a selection; its cut-off is never later than `at`.

    Raises:
        Invalid: `act.content`; a selection without any condition would be everything.
    """
    fields.only(given, _NAMES, "selection.")
    until = _instant(given, "issued_until")
    selection = Selection(
        # Whole seconds, as it is signed for: what is issued in the running second is included.
        issued_until=min(until, at) if until else at.replace(microsecond=0),
        issuer=fields.word(given, "issuer", ISSUING) if "issuer" in given else None,
        profile=_profile(given),
        issued_from=_instant(given, "issued_from"),
        keys=_keys(given),
        serials=fields.serials(given, most=MOST_NAMED) if "serials" in given else (),
    )
    if not set(selection.as_json()) - {"issued_until"} and until is None:
        raise fields.wrong("selection")
    return selection


def count(connection: Connection, selection: Selection, *, at: datetime) -> int:
    """Return how many certificates would be revoked."""
    row = connection.execute(
        f"select count(*) {_from(selection)}", _facts(selection, at)
    ).fetchone()
    return int(row[0]) if row else 0


def preview(connection: Connection, selection: Selection, *, at: datetime) -> dict[str, object]:
    """Return what a selection finds; nothing changes."""
    facts, where = _facts(selection, at), _from(selection)
    grouped = connection.execute(
        f"select c.issuer, c.profile, count(*) {where} group by 1, 2 order by 1, 2",
        facts,
    ).fetchall()
    first = connection.execute(
        f"select c.serial, c.profile, c.not_after {where} order by c.serial limit 20",
        facts,
    ).fetchall()
    by_profile: dict[str, int] = {}
    by_issuer: dict[str, int] = {}
    for issuer, profile, found in grouped:
        by_issuer[issuer] = by_issuer.get(issuer, 0) + found
        by_profile[profile] = by_profile.get(profile, 0) + found
    return {
        "count": sum(by_profile.values()),
        "selection": selection.as_json(),
        "by_profile": by_profile,
        "by_issuer": by_issuer,
        "first": [
            {"serial": hex_of(bytes(serial)), "profile": profile, "not_after": instant(ends)}
            for serial, profile, ends in first
        ],
    }


def advance(connection: Connection, *, at: datetime) -> bool:
    """Do one batch of one act under way, in the caller's transaction; say whether there was one.

    Copies of the service take turns: an act that another one works at is left to it.
    """
    row = connection.execute(
        "select id from trust.ra_act where state = 'executing' and kind = 'mass-revoke'"
        " order by number limit 1 for no key update skip locked"
    ).fetchone()
    if row is None:
        return False
    act = acts.find(connection, row[0])
    selection = read(act.details["selection"], at=act.opened_at)
    serials = [
        bytes(one[0])
        for one in connection.execute(
            f"select c.serial {_from(selection)} order by c.serial limit {BATCH}",
            _facts(selection, at),
        ).fetchall()
    ]
    if serials:
        recording.revoke(connection, serials, REASONS[act.said["reason"]], Under(act.id, at))
        _note(connection, act, len(serials))
    if len(serials) < BATCH:
        _finish(connection, acts.find(connection, act.id), at=at)
    log.info("mass_revocation act=%s batch=%d", act.id, len(serials))
    return True


def _note(connection: Connection, act: Act, done: int) -> None:
    result = act.result or {}
    connection.execute(
        "update trust.ra_act set result = %s where id = %s",
        (Jsonb({**result, "revoked": result.get("revoked", 0) + done}), act.id),
    )


def _finish(connection: Connection, act: Act, *, at: datetime) -> None:
    acts.settle(connection, act, "executed", at=at, result=act.result)
    acts.leaf(
        connection,
        "ra.result",
        {
            "act": str(act.id),
            "sha256": act.sha256.hex(),
            "what": "revoked",
            "revoked": (act.result or {}).get("revoked", 0),
        },
    )


def _from(selection: Selection) -> str:
    """Return the condition; all its parts are texts of this module."""
    given = [text for name, text in _CONDITIONS.items() if getattr(selection, name)]
    return " ".join(
        (
            "from trust.certificate c where c.state = 'issued' and c.not_after > %(at)s",
            # The cut-off holds whole seconds, so it takes in the second it names.
            "and c.issued_at < %(issued_until)s + interval '1 second'",
            "and c.profile <> all(%(of_centre)s)",
            "and not exists (select from trust.status_event e",
            " where e.serial = c.serial and e.act = 'revoked')",
            *(f"and {text}" for text in given),
        )
    )


def _facts(selection: Selection, at: datetime) -> dict[str, Any]:
    return {
        **vars(selection),
        "keys": list(selection.keys),
        "serials": list(selection.serials),
        "of_centre": sorted(OF_CENTRE),
        "at": at,
    }


def _instant(given: Content, name: str) -> datetime | None:
    if name not in given:
        return None
    text = fields.text(given, name, longest=30)
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise fields.wrong(name) from error


def _profile(given: Content) -> str | None:
    if "profile" not in given:
        return None
    profile = fields.text(given, "profile", longest=60)
    if not set(profile) <= _WORD or profile in OF_CENTRE:
        raise fields.wrong("profile")
    return profile


def _keys(given: Content) -> tuple[bytes, ...]:
    value = given.get("keys", [])
    if not isinstance(value, list) or len(value) > MOST_NAMED or ("keys" in given and not value):
        raise fields.wrong("keys")
    return tuple(sorted({fields.sha256(one, "keys") for one in value}))
