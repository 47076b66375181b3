"""How fast a consumer may ask under an agreement: a token bucket each, in memory.

A restart fills the buckets; what must not be forgotten is a quota (`log.quotas`). Each node
that serves a provider has buckets of its own.
"""

from collections.abc import Container

from pencere.gateway.directory.terms import Rate


class RateLimiter:
    """The buckets of one node. Time is the loop's, in seconds, and only ever grows."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, agreement: str, rate: Rate, now: float) -> float:
        """Take one token; return 0, or the seconds until there is one."""
        tokens, at = self._buckets.get(agreement, (float(rate.burst), now))
        tokens = min(float(rate.burst), tokens + max(0.0, now - at) * rate.per_second)
        is_enough = tokens >= 1.0
        self._buckets[agreement] = (tokens - 1.0 if is_enough else tokens, now)
        return 0.0 if is_enough else (1.0 - tokens) / rate.per_second

    def forget_others(self, agreements: Container[str]) -> None:
        """Let go of agreements that ended, when a new directory says so."""
        self._buckets = {key: held for key, held in self._buckets.items() if key in agreements}
