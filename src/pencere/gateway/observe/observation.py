"""What is noted of one exchange on its way through a node, on either side."""

from datetime import datetime

from asyncpg.pgproto.pgproto import UUID

from pencere.gateway.observe.records import MonitoringRecord
from pencere.gateway.observe.trace import Trace

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

    def record(self, node: str, fault: str, ended_s: float) -> MonitoringRecord:
        """Return the monitoring record."""
        began = self.began.timestamp()
        # From the loop's clock to the wall's.
        offset = began - self.began_s
        out, back = self.request_out_s, self.answer_in_s
        # By place, in the record's order: many are made.
        return MonitoringRecord(
            self.began, node, self.side,
            round(began * 1000),
            round((offset + out) * 1000) if out else None,
            round((offset + back) * 1000) if back else None,
            round((offset + ended_s) * 1000),
            UUID(self.exchange) if self.exchange else None,
            self.message_id[:_LONGEST],
            self.consumer, self.service, self.kind, self.method, self.endpoint, self.agreement,
            self.represented, self.peer, self.request_bytes, self.response_bytes, self.status,
            fault, bytes.fromhex(self.trace.trace),
        )  # fmt: skip
