"""Whether this node's clock is right: by the time-stamping authority, the directory, its peers."""

import statistics
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

_FRESH_S = 300.0


class Clocks:
    """Differences of others' times from this node's.

    The authority's time decides: when it is further away than `allowed`, the node carries
    nothing. A directory of the future says the same of a clock that is behind. Peers only warn,
    by their median, so that no peer can stop a node: one with a wrong clock moves little, and
    when all differ alike it is this node that is wrong.
    """

    def __init__(self, allowed: timedelta, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._allowed_s = allowed.total_seconds()
        self._monotonic = monotonic
        self._peers: dict[str, float] = {}
        self._order: deque[str] = deque()
        self._authority_s: float | None = None
        self._attested_at = 0.0
        self._issued_ahead_s = 0.0

    def note(self, who: str, off: timedelta) -> None:
        """Note how far `who` was ahead of this node."""
        if who not in self._peers:
            self._order.append(who)
            if len(self._order) > 100:
                del self._peers[self._order.popleft()]
        self._peers[who] = off.total_seconds()

    def attest(self, off: timedelta) -> None:
        """Note how far the time-stamping authority was ahead, just now."""
        self._authority_s, self._attested_at = off.total_seconds(), self._monotonic()

    def issued(self, at: datetime, now: datetime) -> None:
        """Note when the directory in use was issued: no earlier can it be now."""
        self._issued_ahead_s = max((at - now).total_seconds(), 0.0)

    @property
    def off_s(self) -> float:
        """Seconds by which others are ahead of this node; 0 when nobody said."""
        if self._is_attested:
            return self._authority_s or 0.0
        return statistics.median(self._peers.values()) if self._peers else 0.0

    @property
    def refusal(self) -> str:
        """Why the node may carry nothing, or an empty text.

        What the authority said last holds until it says otherwise, however long it is away.
        """
        off_s = self._authority_s or 0.0
        if abs(off_s) > self._allowed_s:
            told = f"{abs(off_s):.0f} s {'behind' if off_s > 0 else 'ahead of'} that of time-stamps"
        elif self._issued_ahead_s > self._allowed_s:
            told = f"at least {self._issued_ahead_s:.0f} s behind: the directory is of the future"
        else:
            return ""
        return (
            f"the clock of this node is {told}; {self._allowed_s:.0f} s are allowed."
            " Nothing is carried until it is right"
        )

    @property
    def is_right(self) -> bool:
        """Whether this node is within half of what is allowed."""
        worst_s = max(abs(self.off_s), self._issued_ahead_s)
        return not self.refusal and worst_s <= self._allowed_s / 2

    @property
    def told(self) -> str:
        """What an operator needs to know."""
        if self.refusal:
            return self.refusal
        if self._is_attested:
            return f"{self.off_s:+.1f} s behind the time-stamps (negative: ahead)"
        if not self._peers:
            return "nobody to compare with yet"
        return f"{self.off_s:+.1f} s behind {len(self._peers)} others (negative: ahead)"

    @property
    def _is_attested(self) -> bool:
        return self._authority_s is not None and self._monotonic() - self._attested_at <= _FRESH_S
