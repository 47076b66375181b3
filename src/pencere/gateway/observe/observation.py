"""What is noted of one exchange on its way through a node, on either side."""

from datetime import datetime
from uuid import UUID

from pencere.gateway.observe.records import MonitoringRecord
from pencere.gateway.observe.trace import Headers, Trace

_LONGEST = 200


class Observation:
    """Filled in by the exchange, closed once. Instants of `*_s` are of the loop's clock."""

    __slots__ = (
        "agreement", "answer_in_s", "began", "began_s", "consumer", "endpoint", "exchange",
        "is_closed", "kind", "message_id", "method", "peer", "represented", "request_bytes",
        "request_out_s", "response_bytes", "service", "side", "status", "trace",
    )  # fmt: skip

    def __init__(self, side: str, began: datetime, began_s: float, trace: Trace) -> None:
        self.side = side
        self.began = began
        self.began_s = began_s
        self.trace = trace
        self.request_out_s = self.answer_in_s = 0.0
        self.exchange = self.message_id = self.consumer = self.service = self.method = ""
        self.endpoint = self.agreement = self.represented = self.peer = self.kind = ""
        self.request_bytes = self.response_bytes = self.status = 0
        self.is_closed = False

    def onto(self, headers: Headers) -> Headers:
        """Return headers that carry the trace on."""
        return self.trace.onto(headers)

    def record(self, node: str, fault: str, ended_s: float) -> MonitoringRecord:
        """Return the monitoring record."""
        began = self.began.timestamp()

        def at_ms(instant_s: float) -> int | None:
            return round((began + instant_s - self.began_s) * 1000) if instant_s else None

        return MonitoringRecord(
            recorded_at=self.began,
            node=node,
            side=self.side,
            request_in_ms=round(began * 1000),
            request_out_ms=at_ms(self.request_out_s),
            response_in_ms=at_ms(self.answer_in_s),
            response_out_ms=at_ms(ended_s) or 0,
            exchange=UUID(self.exchange) if self.exchange else None,
            message_id=self.message_id[:_LONGEST],
            consumer=self.consumer,
            service=self.service,
            service_type=self.kind,
            method=self.method,
            endpoint=self.endpoint,
            agreement=self.agreement,
            represented=self.represented,
            peer=self.peer,
            request_bytes=self.request_bytes,
            response_bytes=self.response_bytes,
            status=self.status,
            fault=fault,
            trace=bytes.fromhex(self.trace.trace),
        )
