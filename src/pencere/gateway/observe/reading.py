"""What operators read of monitoring: records in pages, health of services, counts of days."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import asyncpg

LARGEST_PAGE = 1_000

_COLUMNS = """id, recorded_at, node, side, request_in_ms, request_out_ms, response_in_ms,
    response_out_ms, exchange, message_id, consumer, service, service_type, method, endpoint,
    agreement, represented, peer, request_bytes, response_bytes, status, fault, trace"""
# S608: nothing but our own column names goes in.
_PAGE = f"""
select {_COLUMNS} from gateway.monitoring
where id > $1 and ($2::timestamptz is null or recorded_at >= $2)
    and ($3::timestamptz is null or recorded_at < $3)
    and ($4 = '' or consumer = $4) and ($5 = '' or service = $5)
order by id limit $6
"""  # noqa: S608
_HEALTH = """
select side, service,
    count(*) filter (where fault = '') as succeeded,
    count(*) filter (where fault <> '') as failed,
    min(response_out_ms - request_in_ms) filter (where fault = '') as min_ms,
    round(avg(response_out_ms - request_in_ms) filter (where fault = '')) as avg_ms,
    max(response_out_ms - request_in_ms) filter (where fault = '') as max_ms,
    round(stddev_pop(response_out_ms - request_in_ms) filter (where fault = '')) as stddev_ms,
    max(recorded_at) filter (where fault = '') as last_success,
    max(recorded_at) filter (where fault <> '') as last_failure
from gateway.monitoring where recorded_at >= $1 and service <> ''
group by side, service order by side, service
"""
# Of the durable log and of the provider's side, so that each exchange is counted once.
_TRAFFIC = """
select (r.recorded_at at time zone 'Asia/Baku')::date as day, r.consumer, r.service,
    case when s.outcome is null then 'open' else s.outcome end as outcome, count(*) as count
from gateway.request r left join gateway.response s
    on s.exchange = r.exchange and s.side = r.side
where r.side = 'provider' and r.node = $3
    and r.recorded_at >= $1::date::timestamp at time zone 'Asia/Baku'
    and r.recorded_at < ($2::date + 1)::timestamp at time zone 'Asia/Baku'
group by 1, 2, 3, 4 order by 1, 2, 3, 4
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records: after an id, of a time, of one consumer or service."""

    after: int = 0
    since: datetime | None = None
    until: datetime | None = None
    consumer: str = ""
    service: str = ""
    limit: int = 100


class MonitoringReader:
    """Reads with the app user's `url`; GONE when the database is away."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def records(self, wanted: Wanted) -> list[dict[str, Any]]:
        """Return a page of records, oldest first."""
        pool = await self._connections()
        rows = await pool.fetch(
            _PAGE, wanted.after, wanted.since, wanted.until, wanted.consumer, wanted.service,
            wanted.limit,
        )  # fmt: skip
        return [_record(row) for row in rows]

    async def health(self, since: datetime) -> list[dict[str, Any]]:
        """Return counts and durations of each service since an instant."""
        rows = await (await self._connections()).fetch(_HEALTH, since)
        return [{key: _plain(value) for key, value in row.items()} for row in rows]

    async def traffic(self, first: date, last: date, node: str) -> list[dict[str, Any]]:
        """Return how often who asked what of a node, by day in Baku, both days included."""
        rows = await (await self._connections()).fetch(_TRAFFIC, first, last, node)
        return [{key: _plain(value) for key, value in row.items()} for row in rows]

    async def stop(self) -> None:
        """Close connections."""
        if self._pool is not None:
            await self._pool.close()

    async def _connections(self) -> "asyncpg.Pool[asyncpg.Record]":
        if self._pool is None:
            self._pool = await asyncpg.create_pool(
                self._url, min_size=0, max_size=2, timeout=5, command_timeout=30
            )
        return self._pool


def _record(row: asyncpg.Record) -> dict[str, Any]:
    """Return a record under the names of PR-OPMON; ours where it has none."""
    instance, member_class, member, subsystem = _parts(row["consumer"], 4)
    *provider, code = _parts(row["service"], 5)
    party_class, _, party = row["represented"].rpartition("/")
    return {
        "id": row["id"],
        "monitoringDataTs": round(row["recorded_at"].timestamp()),
        "securityServer": row["node"],
        "securityServerType": "Client" if row["side"] == "consumer" else "Producer",
        "requestInTs": row["request_in_ms"],
        "requestOutTs": row["request_out_ms"],
        "responseInTs": row["response_in_ms"],
        "responseOutTs": row["response_out_ms"],
        "clientXRoadInstance": instance,
        "clientMemberClass": member_class,
        "clientMemberCode": member,
        "clientSubsystemCode": subsystem,
        "serviceXRoadInstance": provider[0],
        "serviceMemberClass": provider[1],
        "serviceMemberCode": provider[2],
        "serviceSubsystemCode": provider[3],
        "serviceCode": code,
        "serviceType": row["service_type"],
        "restMethod": row["method"],
        "endpoint": row["endpoint"],
        "agreement": row["agreement"],
        "representedPartyClass": party_class,
        "representedPartyCode": party,
        "messageId": row["message_id"],
        "messageProtocolVersion": "1",
        "peer": row["peer"],
        "requestSize": row["request_bytes"],
        "responseSize": row["response_bytes"],
        "succeeded": not row["fault"],
        "statusCode": row["status"],
        "faultCode": row["fault"],
        "xRequestId": str(row["exchange"]) if row["exchange"] else "",
        "traceId": row["trace"].hex(),
    }


def _parts(identifier: str, count: int) -> list[str]:
    parts = identifier.split("/")
    return parts if len(parts) == count else [""] * count


def _plain(value: object) -> object:
    if isinstance(value, date):  # an instant too
        return value.isoformat()
    return value if isinstance(value, int | str | None) else int(str(value))
