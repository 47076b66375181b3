"""What office and portal are shown: certificates with their history, acts with their approvals."""

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509

from pencere.trust import means
from pencere.trust.mobile import identity_of
from pencere.trust.registration import acts
from pencere.trust.registration.acts import Act, Search
from pencere.trust.registration.office import Office, hex_of, instant
from pencere.trust.registration.quorum import Quorum, quorums
from pencere.trust.registration.recording import REASON_NAMES
from pencere.trust.store import Connection

RENEWABLE_BEFORE = timedelta(days=30)
MOST_EFFECTS = 100
MOST_CERTIFICATES = 500


def view(connection: Connection, office: Office, act: Act, *, at: datetime) -> dict[str, Any]:
    """Return an act as docs/specs/registration-authority.md describes it."""
    quorum = quorums().get(act.kind, Quorum(1)) if act.channel == "office" else None
    effects = connection.execute(
        "select serial, what, at from trust.ra_effect where act = %s order by at, serial limit %s",
        (act.id, MOST_EFFECTS),
    ).fetchall()
    count = connection.execute(
        "select count(*) from trust.ra_effect where act = %s", (act.id,)
    ).fetchone()
    return {
        "id": str(act.id),
        "state": act.state_at(at),
        "act": act.said,
        "digest": act.sha256.hex(),
        "needed": quorum.officers if quorum else 0,
        "chiefs_needed": quorum.chiefs if quorum else 0,
        "approvals": [
            {
                "by": {"fin": office.fin_of(holder), "name": name, "role": role},
                "at": instant(approved_at),
            }
            for holder, name, role, approved_at in _approvals(connection, [act.id])[str(act.id)]
        ],
        "result": act.result,
        "effects": [
            {"serial": hex_of(bytes(serial)), "what": what, "at": instant(when)}
            for serial, what, when in effects
        ],
        "effects_count": count[0] if count else 0,
        "executed_at": None if act.executed_at is None else instant(act.executed_at),
    }


def page_of_acts(
    connection: Connection, office: Office, wanted: Search, *, at: datetime
) -> dict[str, Any]:
    """Return acts, newest first, with a cursor for the next page."""
    found = acts.search(connection, wanted, at=at)
    return {
        "acts": [view(connection, office, act, at=at) for act in found],
        "next": str(found[-1].number) if len(found) == wanted.limit else None,
    }


_CERTIFICATES = (
    "select c.serial, c.profile, c.issuer, c.holder, c.not_before, c.not_after, c.sha256,"  # noqa: S608
    " c.encoded, c.issued_at, e.act, e.since, e.reason,"
    " (select d.id from trust.device d where d.closed_at is null"
    "  and c.serial in (d.authentication_serial, d.signature_serial) limit 1),"
    " " + means.PLACE + " from trust.certificate c left join lateral (select act, since, reason"
    "  from trust.status_event s where s.serial = c.serial order by number desc limit 1) e on true"
    " where c.state = 'issued' and (c.holder = %(holder)s or c.serial = any(%(serials)s))"
    " order by c.issued_at desc, c.profile limit %(limit)s"
)


def certificates(
    connection: Connection,
    *,
    holder: str | None = None,
    serials: Sequence[bytes] = (),
    at: datetime,
) -> list[dict[str, Any]]:
    """Return a holder's certificates, or those with given serial numbers, with their history."""
    rows = connection.execute(
        _CERTIFICATES,
        {"holder": holder, "serials": list(serials), "limit": MOST_CERTIFICATES},
    ).fetchall()
    histories = _histories(connection, [bytes(row[0]) for row in rows])
    return [_certificate(row, histories[bytes(row[0])], at=at) for row in rows]


def _certificate(
    row: Sequence[Any], history: list[dict[str, Any]], *, at: datetime
) -> dict[str, Any]:
    serial, profile, issuer, holder, begins, ends, sha256, encoded, issued_at = row[:9]
    act, since, reason, device, place = row[9:]
    status = {"revoked": "revoked", "held": "suspended"}.get(act or "", "good")
    if at > ends and status != "revoked":
        status, since, reason = "expired", ends, None
    issued = history.pop(0) if history and history[0]["what"] == "issued" else None
    first = issued or {
        "at": instant(issued_at),
        "what": "issued",
        "reason": None,
        "act": None,
        "kind": None,
        "case": None,
        "channel": None,
        "by": [],
    }
    return {
        "serial": hex_of(bytes(serial)),
        "profile": profile,
        "issuer": issuer,
        "holder": holder,
        "not_before": instant(begins),
        "not_after": instant(ends),
        "sha256": bytes(sha256).hex(),
        "certificate": base64.b64encode(bytes(encoded)).decode(),
        "status": status,
        "since": None if status == "good" or since is None else instant(since),
        "reason": REASON_NAMES.get(reason) if status == "revoked" else None,
        "device": None if device is None else str(device),
        "place": place,
        "renewable": status == "good" and device is not None and ends - at <= RENEWABLE_BEFORE,
        "history": [first, *history],
    }


def _histories(
    connection: Connection, serials: Sequence[bytes]
) -> dict[bytes, list[dict[str, Any]]]:
    """Return the events of certificates, oldest first; what was issued under an act comes first."""
    rows = connection.execute(
        "select e.serial, e.at, case e.act when 'held' then 'suspended' else e.act end as what,"
        " e.reason, 1 as place, e.number from trust.status_event e where e.serial = any(%(s)s)"
        " union all select f.serial, f.at, 'issued', null, 0, 0 from trust.ra_effect f"
        " where f.serial = any(%(s)s) and f.what = 'issued' order by 5, 6",
        {"s": list(serials)},
    ).fetchall()
    under = connection.execute(
        "select f.serial, f.what, f.at, a.id, a.kind, a.case_number, a.channel"
        " from trust.ra_effect f join trust.ra_act a on a.id = f.act where f.serial = any(%s)",
        (list(serials),),
    ).fetchall()
    acts_of = {(bytes(serial), what, when): rest for serial, what, when, *rest in under}
    signers = _approvals(connection, [rest[0] for rest in acts_of.values()])
    found: dict[bytes, list[dict[str, Any]]] = {serial: [] for serial in serials}
    for serial, when, what, reason, _, _ in rows:
        act, kind, case, channel = acts_of.get((bytes(serial), what, when), [None] * 4)
        found[bytes(serial)].append(
            {
                "at": instant(when),
                "what": what,
                "reason": REASON_NAMES.get(reason) if what == "revoked" else None,
                "act": None if act is None else str(act),
                "kind": kind,
                "case": case,
                "channel": channel,
                "by": [
                    {"name": name, "role": role} for _, name, role, _ in signers.get(str(act), [])
                ],
            }
        )
    return found


def _approvals(
    connection: Connection, identifiers: Sequence[Any]
) -> dict[str, list[tuple[str, str, str | None, datetime]]]:
    """Return who approved acts: holder, name from the certificate, role at that time, instant."""
    found: dict[str, list[tuple[str, str, str | None, datetime]]] = {
        str(one): [] for one in identifiers
    }
    rows = connection.execute(
        "select p.act, p.holder, p.certificate, p.approved_at,"
        " (select o.role from trust.ra_officer o where o.holder = p.holder"
        "  and o.appointed_at <= p.approved_at order by o.id desc limit 1)"
        " from trust.ra_approval p where p.act = any(%s) order by p.approved_at, p.holder",
        (list(identifiers),),
    ).fetchall()
    for act, holder, certificate, approved_at, role in rows:
        identity = identity_of(x509.load_der_x509_certificate(bytes(certificate)))
        name = f"{identity.given_name} {identity.surname}"
        found[str(act)].append((holder, name, role, approved_at))
    return found
