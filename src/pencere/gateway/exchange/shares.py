"""How much of a node one caller may hold at once, so that none can take it all."""

from pencere.gateway.wire.faults import Fault, Kind, Side


class Shares:
    """Counts exchanges in work by caller; `limit` is for one caller."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # By whether it is a client of this node, and who.
        self._held: dict[tuple[bool, str], int] = {}

    def take(self, side: Side, caller: str) -> None:
        """Count one more, or refuse: `overloaded`, to be asked again."""
        key = (side is Side.CLIENT, caller)
        held = self._held.get(key, 0)
        if held >= self._limit:
            raise Fault(
                side,
                Kind.OVERLOADED,
                f"{self._limit} exchanges of {caller} are in work, its share; ask again",
            )
        self._held[key] = held + 1

    def give_back(self, side: Side, caller: str) -> None:
        """Count one less."""
        key = (side is Side.CLIENT, caller)
        held = self._held.pop(key, 0)
        if held > 1:
            self._held[key] = held - 1

    def held(self, side: Side, caller: str) -> int:
        """Return how many a caller has in work."""
        return self._held.get((side is Side.CLIENT, caller), 0)
