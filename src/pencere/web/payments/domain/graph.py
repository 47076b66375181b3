"""The graph of a charge: which state may follow which."""

from collections.abc import Mapping

from pencere.kernel.errors import Conflict
from pencere.web.payments.models.charge import State

# A provider's word that money was taken is believed also after we gave up: the person paid.
MOVES: Mapping[State, frozenset[State]] = {
    State.CREATED: frozenset({State.STARTED, State.CANCELLED, State.EXPIRED}),
    State.STARTED: frozenset({State.PAID, State.FAILED, State.CANCELLED, State.EXPIRED}),
    State.EXPIRED: frozenset({State.PAID}),
    State.CANCELLED: frozenset({State.PAID}),
    State.FAILED: frozenset(),
    State.PAID: frozenset({State.REFUNDED}),
    State.REFUNDED: frozenset(),
}


def check_move(was: State, to: State) -> None:
    """Raise Conflict("charge.move") unless the graph has this edge."""
    if to not in MOVES[was]:
        raise Conflict("charge.move", was=str(was), to=str(to))
