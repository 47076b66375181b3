"""What is kept from a person by law: told again, or sooner than foreseen, and shown to auditors.

An access is hidden by the header of a request whose agreement allows it, never for good:
`hidden_until` is at most as many days away as the agreement says. The body that hid it may tell it
sooner, or later within those days (`/v3/disclose` of Estonia's data tracker). Every such word is a
row that stays, and a leaf of the ledger.
"""

import json
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pencere.gateway.exchange.call import Answer, Call
from pencere.gateway.wire.evidence import format_time
from pencere.gateway.wire.faults import Kind, server_fault
from pencere.ledger.entries import pending_entry

log = logging.getLogger(__name__)
Work = Coroutine[Any, Any, Answer]
LEAF_KIND = "disclosure"
_LARGEST = 1000
_LONGEST_REASON = 500
_LARGEST_PAGE = 200
JSON = [(b"content-type", b"application/json;charset=utf-8")]

_HIDDEN_BY = """
select exchange, side, agreement, recorded_at, hidden_until from gateway.request
where side = 'provider' and provider = $1 and consumer = $2 and message_id = $3
    and hidden_until is not null
"""
_STORE = """
with told as (
    insert into gateway.disclosure (exchange, until, reason_sealed, client, recorded_at)
    select * from unnest($1::uuid[], $2::timestamptz[], $3::bytea[], $4::text[], $5::timestamptz[])
)
insert into ledger.pending (leaf_hash, kind, entry)
select * from unnest($6::bytea[], $7::text[], $8::bytea[])
"""
_LISTED = """
select r.exchange, r.consumer, r.service, r.endpoint, r.purpose, r.legal_basis, r.case_number,
    r.agreement, r.recorded_at, r.hidden_until, r.hidden_reason_sealed, d.until as told_until,
    d.recorded_at as told_at
from gateway.request r left join lateral (
    select until, recorded_at from gateway.disclosure
    where exchange = r.exchange order by seq desc limit 1
) d on true
where r.side = 'provider' and r.provider = $1 and r.hidden_until is not null
    and ($2::timestamptz is null or r.recorded_at < $2)
order by r.recorded_at desc limit $3
"""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Until when an access stays hidden, by which reason; `query` is its X-Road-Id."""

    query: str
    reason: str
    until: datetime


def read(body: bytes) -> list[Disclosure]:
    """Read the body of `/v3/disclose`.

    Raises:
        Fault: not a list of what the data tracker calls DiscloseItem.
    """
    try:
        given = json.loads(body)
        if not isinstance(given, list) or not 1 <= len(given) <= _LARGEST:
            raise ValueError("a list is needed")  # noqa: TRY301
        found = [
            Disclosure(
                str(one["queryId"]), str(one["hiddenReason"]),
                datetime.fromisoformat(one["hiddenUntil"]),
            )
            for one in given
        ]  # fmt: skip
        if any(one.until.tzinfo is None for one in found) or any(
            not 0 < len(one.reason) <= _LONGEST_REASON for one in found
        ):
            raise ValueError("a reason and a time with an offset are needed")  # noqa: TRY301
    except (ValueError, KeyError, TypeError) as problem:
        raise server_fault(
            Kind.INVALID_REQUEST,
            'the body must be like [{"queryId": "<X-Road-Id>", "hiddenReason": "...",'
            f' "hiddenUntil": "2027-01-01T00:00:00Z"}}], at most {_LARGEST}',
        ) from problem
    return found


async def disclose(call: Call, disclosures: list[Disclosure]) -> Answer:
    """Store all of them or none."""
    pool, core, now = await call.usage.pool(), call.core, call.core.now()
    rows: list[tuple[Any, ...]] = []
    for one in disclosures:
        hidden = await pool.fetch(_HIDDEN_BY, call.target.provider, call.client, one.query)
        if not hidden:
            message = json.dumps({"code": "usage.unknown", "message": f"no access {one.query}"})
            return 404, JSON, message.encode()
        for row in hidden:
            latest = row["recorded_at"] + timedelta(days=_days(call, row["agreement"]))
            if one.until > max(latest, row["hidden_until"]):
                raise server_fault(
                    Kind.SUPPRESSION_NOT_ALLOWED,
                    f"the access may be kept from the person until {format_time(latest)} at most",
                )
            exchange = str(row["exchange"])
            leaf = pending_entry(
                LEAF_KIND,
                {
                    "format": "pencere-disclosure/1",
                    "exchange": exchange,
                    "time": format_time(now),
                    "client": call.client,
                    "hidden_until": format_time(one.until),
                },
            )
            sealed = core.sealer.seal(
                one.reason.encode(), exchange=exchange, part="disclosure reason"
            )
            rows.append(
                (row["exchange"], one.until, sealed, call.client, now, leaf.leaf_hash, LEAF_KIND,
                 leaf.entry)
            )  # fmt: skip
    await pool.execute(_STORE, *(list(column) for column in zip(*rows, strict=True)))
    log.info("accesses_disclosed client=%s count=%s", call.client, len(rows))
    return 200, JSON, json.dumps({"disclosed": len(rows)}).encode()


async def listed(call: Call) -> Answer:
    """Return what is or was kept from people, newest first, for who audits it."""
    try:
        asked = json.loads(call.small_body) if call.body else {}
        limit = int(asked.get("limit", 50))
        before = asked.get("before")
        instant = None if before is None else datetime.fromisoformat(before)
        if not 1 <= limit <= _LARGEST_PAGE or (instant is not None and instant.tzinfo is None):
            raise ValueError("out of range")  # noqa: TRY301
    except (ValueError, TypeError, AttributeError) as problem:
        raise server_fault(
            Kind.INVALID_REQUEST,
            'the body must be like {"limit": 50, "before": "2026-11-22T09:00:00Z"}',
        ) from problem
    pool, sealer = await call.usage.pool(), call.core.sealer
    rows = await pool.fetch(_LISTED, call.target.provider, instant, limit)
    content = {
        "suppressions": [
            {
                "exchange": str(row["exchange"]),
                "time": format_time(row["recorded_at"]),
                "consumer": row["consumer"],
                "service": row["service"],
                "action": row["endpoint"],
                "purpose": row["purpose"],
                "legalBasis": row["legal_basis"],
                "case": row["case_number"],
                "agreement": row["agreement"],
                "reason": sealer.open(
                    row["hidden_reason_sealed"],
                    exchange=str(row["exchange"]),
                    part="provider hidden reason",
                ).decode(),
                "hiddenUntil": format_time(row["told_until"] or row["hidden_until"]),
                "changedAt": None if row["told_at"] is None else format_time(row["told_at"]),
            }
            for row in rows
        ]
    }
    return 200, JSON, json.dumps(content, ensure_ascii=False).encode()


def _days(call: Call, agreement: str) -> int:
    """Return how many days the agreement allows; none when it is no longer in force."""
    for found in call.directory.agreements.values():
        for one in found:
            if one.identifier == agreement and one.suppress is not None:
                return one.suppress.days
    return 0
