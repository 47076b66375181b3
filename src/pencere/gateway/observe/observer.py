"""Takes what was observed of exchanges, and sees that it reaches metrics, records and spans."""

import asyncio
import logging
from datetime import timedelta

from pencere.gateway.config import NodeConfig
from pencere.gateway.metrics import Metrics
from pencere.gateway.observe.observation import Observation
from pencere.gateway.observe.records import RecordWriter
from pencere.gateway.observe.spans import SpanExporter
from pencere.gateway.observe.trace import Trace

log = logging.getLogger(__name__)
_REMEMBERED_S = 300.0
_UNREACHED = (".network_error", ".unknown_host", ".ssl_authentication_failed")


class Observer:
    """What one node notes of its exchanges."""

    def __init__(
        self, config: NodeConfig, metrics: Metrics, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._config = config
        self._metrics = metrics
        self._loop = loop
        self.records = (
            RecordWriter(
                config.database_url, config.clock, kept=timedelta(days=config.monitoring_days)
            )
            if config.monitoring_days
            else None
        )
        self.spans = SpanExporter(config.otlp_url, config.node) if config.otlp_url else None
        self._tasks: list[asyncio.Task[None]] = []
        # Node to when it was last asked, and the fault when it could not be reached.
        self._peers: dict[str, tuple[float, str]] = {}

    def start(self) -> None:
        """Begin to write and send."""
        workers = (self.records, self.spans)
        self._tasks = [self._loop.create_task(one.run()) for one in workers if one is not None]

    async def stop(self) -> None:
        """Write what waits, end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.records is not None:
            await self.records.stop()
        if self.spans is not None:
            await self.spans.stop()

    def gauges(self) -> dict[str, float]:
        """Return what `/metrics` says of records and spans."""
        records, spans = self.records, self.spans
        return {
            "monitoring_queue": records.depth if records is not None else 0,
            "monitoring_dropped": records.dropped if records is not None else 0,
            "spans_dropped": spans.dropped if spans is not None else 0,
        }

    def peers_told(self, now_s: float) -> str:
        """Return which other nodes could not be reached lately."""
        lost = sorted(
            peer
            for peer, (at_s, fault) in self._peers.items()
            if fault and now_s - at_s < _REMEMBERED_S
        )
        if lost:
            return "not reached: " + ", ".join(lost)
        return f"{len(self._peers)} reached" if self._peers else "none spoken with yet"

    def begin(self, side: str, trace: Trace) -> Observation:
        """Note that a request arrived."""
        return Observation(side, self._config.clock.now(), self._loop.time(), trace)

    def end(self, seen: Observation, fault: str) -> None:
        """Note how it ended; `fault` is empty when it was answered."""
        if seen.is_closed:
            return
        seen.is_closed = True
        seen.trace = seen.trace.or_new()
        now = self._loop.time()
        if seen.side == "consumer" and seen.peer:
            self._peers[seen.peer] = (now, fault if fault.endswith(_UNREACHED) else "")
        self._metrics.ended(seen.side, fault, now - seen.began_s)
        if fault:
            log.info(
                "exchange_failed side=%s exchange=%s trace=%s service=%s code=%s ms=%.1f",
                seen.side, seen.exchange or "-", seen.trace.trace, seen.service or "-", fault,
                1000 * (now - seen.began_s),
            )  # fmt: skip
        elif log.isEnabledFor(logging.DEBUG):
            log.debug(
                "exchange_answered side=%s exchange=%s trace=%s",
                seen.side, seen.exchange, seen.trace.trace,
            )  # fmt: skip
        if self.records is None and self.spans is None:
            return
        record = seen.record(self._config.node, fault, now)
        if self.records is not None:
            self.records.add(record)
        if self.spans is not None and seen.trace.is_sampled:
            self.spans.add(seen.trace, record)
