"""What operators watch: how many calls, how they ended, how long they took."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


@dataclass
class Outcome:
    """The status a call ended with."""

    status: int = 0


class Metrics:
    """The counters of one application; labels come from our own calls only, never from outside."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._calls = Counter(
            "pencere_registers_calls",
            "Calls by kind and status",
            ["call", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "pencere_registers_call_seconds", "Time of a call", ["call"], registry=self._registry
        )

        self._events = Gauge(
            "pencere_registers_events",
            "Events that the node does not have, by state: waiting, dead",
            ["state"],
            registry=self._registry,
        )

    def tell_events(self, counts: Mapping[str, int]) -> None:
        """Set how many events wait and how many are dead."""
        for state, count in counts.items():
            self._events.labels(state).set(count)

    @contextmanager
    def timed(self, call: str) -> Iterator[Outcome]:
        """Count and time what happens inside; the caller fills in the outcome."""
        outcome = Outcome()
        began = time.perf_counter()
        try:
            yield outcome
        finally:
            self._seconds.labels(call).observe(time.perf_counter() - began)
            self._calls.labels(call, str(outcome.status)).inc()

    def text(self) -> bytes:
        """Return all in the text form of Prometheus."""
        return generate_latest(self._registry)
