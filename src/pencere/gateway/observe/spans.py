"""Spans to a collector: OTLP/JSON over HTTP, behind the exchanges.

https://opentelemetry.io/docs/specs/otlp/ (OTLP/HTTP, JSON encoding). A bounded queue; what does
not fit, or is refused, is dropped and counted: a collector that is away costs nothing else.
"""

import asyncio
import json
import logging
from collections import deque
from typing import Any
from urllib.parse import urlsplit

from pencere.gateway.http.client import Pool, request_bytes
from pencere.gateway.http.outcomes import Endpoint, Failure, Reply
from pencere.gateway.observe.records import MonitoringRecord
from pencere.gateway.observe.trace import Trace

log = logging.getLogger(__name__)
_EVERY_S = 2.0
_GROUP = 512
_RETRIES = 3
# opentelemetry.proto.trace.v1: SpanKind SERVER, Status ERROR.
_SERVER, _ERROR = 2, 2
_AGAIN = frozenset({429, 502, 503, 504})


class SpanExporter:
    """Sends the spans of one node to `url`, for example http://127.0.0.1:4318/v1/traces."""

    def __init__(self, url: str, node: str, *, limit: int = 5_000) -> None:
        self._url = urlsplit(url)
        self._node = node
        self._limit = limit
        self._waiting: deque[dict[str, Any]] = deque()
        self._pool: Pool | None = None
        self.dropped = 0
        self.sent = 0

    def add(self, trace: Trace, record: MonitoringRecord) -> None:
        """Send a span, soon."""
        if len(self._waiting) >= self._limit:
            self.dropped += 1
            return
        self._waiting.append(_span(trace, record))

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            while self._waiting:
                await self.flush()

    async def flush(self) -> None:
        """Send one group; one that is refused for good is dropped."""
        group = [self._waiting.popleft() for _ in range(min(_GROUP, len(self._waiting)))]
        if not group:
            return
        body = json.dumps(self._message(group), separators=(",", ":")).encode()
        reply = await self._post(body)
        for trial in range(_RETRIES):
            if isinstance(reply, Reply) and 200 <= reply.status < 300:
                self.sent += len(group)
                return
            if isinstance(reply, Reply) and reply.status not in _AGAIN:
                break
            await asyncio.sleep(0.5 * 2**trial)
            reply = await self._post(body)
        self.dropped += len(group)
        reason = reply.trouble.value if isinstance(reply, Failure) else reply.status
        log.warning("spans_not_sent count=%s reason=%s", len(group), reason)

    async def stop(self) -> None:
        """Close connections."""
        if self._pool is not None:
            await self._pool.aclose()

    async def _post(self, body: bytes) -> Reply | Failure:
        if self._pool is None:
            self._pool = Pool(
                Endpoint(self._url.hostname or "", self._url.port or 4318, max_body_bytes=65536)
            )
        headers = [
            (b"host", self._url.netloc.encode("ascii")),
            (b"content-type", b"application/json"),
        ]
        data = request_bytes("POST", self._url.path or "/v1/traces", headers, body)
        done: asyncio.Future[Reply | Failure] = asyncio.get_running_loop().create_future()
        self._pool.send(data, is_head=False, timeout_s=5.0, done=done.set_result)
        return await done

    def _message(self, spans: list[dict[str, Any]]) -> dict[str, Any]:
        resource = _attributes(
            {"service.name": "pencere-gateway", "service.instance.id": self._node}
        )
        scope = {"scope": {"name": "pencere.gateway"}, "spans": spans}
        return {"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [scope]}]}


def _span(trace: Trace, record: MonitoringRecord) -> dict[str, Any]:
    told: dict[str, str | int] = {
        "pencere.side": record.side,
        "pencere.exchange": str(record.exchange) if record.exchange else "",
        "pencere.consumer": record.consumer,
        "pencere.service": record.service,
        "pencere.peer": record.peer,
        "http.request.method": record.method,
        "http.route": record.endpoint,
        "http.response.status_code": record.status,
        "error.type": record.fault,
    }
    span: dict[str, Any] = {
        "traceId": trace.trace,
        "spanId": trace.span,
        "name": f"{record.side} {record.service or record.method}".strip(),
        "kind": _SERVER,
        "startTimeUnixNano": str(record.request_in_ms * 1_000_000),
        "endTimeUnixNano": str(record.response_out_ms * 1_000_000),
        "attributes": _attributes({key: value for key, value in told.items() if value != ""}),
        "status": {"code": _ERROR, "message": record.fault} if record.fault else {},
    }
    if trace.parent:
        span["parentSpanId"] = trace.parent
    if trace.state:
        span["traceState"] = trace.state.decode("ascii")
    return span


def _attributes(values: dict[str, str | int]) -> list[dict[str, Any]]:
    return [
        {
            "key": key,
            "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value},
        }
        for key, value in values.items()
    ]
