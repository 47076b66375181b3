"""What a node counts. Labels are codes, never persons."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """The counters of one node; several nodes may live in one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._exchanges = Counter(
            "gateway_exchanges", "Exchanges that ended, by side and fault code.",
            ["side", "fault"], registry=self._registry,
        )  # fmt: skip
        duration = Histogram(
            "gateway_exchange_seconds", "From the whole request to the answer.",
            ["side"], registry=self._registry,
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
        )  # fmt: skip
        self._durations = {side: duration.labels(side) for side in ("consumer", "provider")}
        self._answered = {
            side: self._exchanges.labels(side, "") for side in ("consumer", "provider")
        }
        self._commit_rows = Histogram(
            "gateway_commit_rows", "Rows of one commit of the log.", registry=self._registry,
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
        )  # fmt: skip
        self._commit_seconds = Histogram(
            "gateway_commit_seconds", "Time of one commit of the log.", registry=self._registry,
            buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
        )  # fmt: skip
        self._messages = Counter(
            "gateway_messages", "Stored messages: delivered, refused, retried, dead.",
            ["outcome"], registry=self._registry,
        )  # fmt: skip
        self._events = Counter(
            "gateway_events", "Events pushed to their systems: acknowledged, retried, dead.",
            ["outcome"], registry=self._registry,
        )  # fmt: skip
        for outcome in ("delivered", "refused", "retried", "dead"):
            self._messages.labels(outcome)
        for outcome in ("acknowledged", "retried", "dead"):
            self._events.labels(outcome)
        self._gauges = {
            name: Gauge(f"gateway_{name}", text, registry=self._registry)
            for name, text in (
                ("in_flight", "Exchanges in work."),
                ("connections", "Open connections of callers."),
                ("log_queue", "Entries that wait for a commit."),
                ("log_rows", "Entries stored since start."),
                ("log_commits", "Commits since start."),
                ("signatures", "Signatures over batches made since start."),
                ("signed_statements", "Statements those signatures cover."),
                ("directory_version", "Version of the directory in use."),
                ("directory_seconds_left", "Until the directory expires."),
                ("unstamped_seconds", "Age of the oldest answer without a time-stamp."),
                ("clock_off_seconds", "By how much others are ahead of this node's clock."),
                ("certificate_seconds_left", "Until the certificate in use ends."),
                ("monitoring_queue", "Monitoring records that wait."),
                ("monitoring_dropped", "Monitoring records dropped since start."),
                ("spans_dropped", "Spans dropped since start."),
                ("spool_bytes", "Bytes of large bodies on disk."),
                ("spool_files", "Large bodies on disk."),
                ("spool_refusals", "Large bodies refused for want of room since start."),
                ("bodies_not_kept", "Bodies the log has digest and size of, since start."),
                ("messages_waiting", "Stored messages that are not delivered yet."),
                ("messages_dead", "Stored messages that nobody took."),
                ("messages_oldest_seconds", "Age of the oldest message that waits."),
                ("events_waiting", "Events that arrived and are not acknowledged."),
                ("events_dead", "Events that were set aside."),
                ("events_oldest_seconds", "Age of the oldest event that waits."),
            )
        }

    def ended(self, side: str, fault: str, seconds: float) -> None:
        """Count an exchange; `fault` is empty when it was answered."""
        if fault:
            self._exchanges.labels(side, fault).inc()
        else:
            self._answered[side].inc()
        self._durations[side].observe(seconds)

    def committed(self, rows: int, seconds: float) -> None:
        """Count a commit of the log."""
        self._commit_rows.observe(rows)
        self._commit_seconds.observe(seconds)

    def message(self, outcome: str) -> None:
        """Count how an attempt for a stored message ended, or that its time was over."""
        self._messages.labels(outcome).inc()

    def event(self, outcome: str, count: int = 1) -> None:
        """Count what came of events that were given to their system."""
        self._events.labels(outcome).inc(count)

    def render(self, gauges: dict[str, float]) -> bytes:
        """Return the text of `/metrics`."""
        for name, value in gauges.items():
            self._gauges[name].set(value)
        return generate_latest(self._registry)
