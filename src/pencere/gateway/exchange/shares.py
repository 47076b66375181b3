"""How much of a node one caller may hold at once, so that none can take it all."""

from collections import Counter

from pencere.gateway.wire.faults import Fault, Kind, Side


class Shares:
    """Counts exchanges in work by caller; `limit` is for one caller."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: Counter[tuple[Side, str]] = Counter()

    def take(self, side: Side, caller: str) -> None:
        """Count one more, or refuse: `overloaded`, to be asked again."""
        key = (side, caller)
        if self._held[key] >= self._limit:
            raise Fault(
                side,
                Kind.OVERLOADED,
                f"{self._limit} exchanges of {caller} are in work, its share; ask again",
            )
        self._held[key] += 1

    def give_back(self, side: Side, caller: str) -> None:
        """Count one less."""
        key = (side, caller)
        if self._held[key] <= 1:
            del self._held[key]
        else:
            self._held[key] -= 1

    def held(self, side: Side, caller: str) -> int:
        """Return how many a caller has in work."""
        return self._held.get((side, caller), 0)
