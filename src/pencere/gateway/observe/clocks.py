"""Whether this node's clock is right, judged by those it speaks with."""

import statistics
from collections import deque
from datetime import timedelta


class Clocks:
    """Differences of others' signed times from this node's; the median is what counts.

    One peer with a wrong clock moves little; when all differ alike it is this node that is wrong.
    """

    def __init__(self, allowed: timedelta) -> None:
        self._allowed_s = allowed.total_seconds()
        self._peers: dict[str, float] = {}
        self._order: deque[str] = deque()

    def note(self, who: str, off: timedelta) -> None:
        """Note how far `who` was ahead of this node."""
        if who not in self._peers:
            self._order.append(who)
            if len(self._order) > 100:
                del self._peers[self._order.popleft()]
        self._peers[who] = off.total_seconds()

    @property
    def off_s(self) -> float:
        """Seconds by which others are ahead of this node; 0 when nobody said."""
        return statistics.median(self._peers.values()) if self._peers else 0.0

    @property
    def is_right(self) -> bool:
        """Whether this node is within half of what is allowed."""
        return abs(self.off_s) <= self._allowed_s / 2

    @property
    def told(self) -> str:
        """What an operator needs to know."""
        if not self._peers:
            return "nobody to compare with yet"
        return f"{self.off_s:+.1f} s behind {len(self._peers)} others (negative: ahead)"
