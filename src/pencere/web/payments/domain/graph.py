"""The graph of a charge: which event may happen in which state, and what then becomes of it.

The same table stands in the database (`payments_edge`), where triggers refuse every other move; a
test holds the two and docs/specs/payments.md together.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pencere.kernel.errors import Conflict
from pencere.web.payments.models.charge import State


class Event(StrEnum):
    """What may happen to a charge."""

    REQUEST = "requested"
    START = "started"
    CAPTURE = "captured"
    FAIL = "failed"
    CANCEL = "cancelled"
    EXPIRE = "expired"
    CORRECT = "corrected-to-bank"
    ASK_REFUND = "refund-requested"
    SETTLE_REFUND = "refund-settled"
    COMPLETE_REFUND = "refund-completed"
    FAIL_REFUND = "refund-failed"
    NOTE = "noted"


@dataclass(frozen=True, slots=True)
class Edge:
    """One arrow: in `was`, `event` leads to `becomes`."""

    was: State
    event: Event
    becomes: State


# The bank's word that money was taken is believed also after we gave up: the person paid.
# A failed payment that stands in the bank's statement all the same is corrected to match it.
EDGES: tuple[Edge, ...] = (
    Edge(State.CREATED, Event.START, State.STARTED),
    Edge(State.CREATED, Event.CANCEL, State.CANCELLED),
    Edge(State.CREATED, Event.EXPIRE, State.EXPIRED),
    Edge(State.STARTED, Event.CAPTURE, State.PAID),
    Edge(State.STARTED, Event.FAIL, State.FAILED),
    Edge(State.STARTED, Event.CANCEL, State.CANCELLED),
    Edge(State.STARTED, Event.EXPIRE, State.EXPIRED),
    Edge(State.STARTED, Event.CORRECT, State.PAID),
    Edge(State.EXPIRED, Event.CAPTURE, State.PAID),
    Edge(State.EXPIRED, Event.CORRECT, State.PAID),
    Edge(State.CANCELLED, Event.CAPTURE, State.PAID),
    Edge(State.CANCELLED, Event.CORRECT, State.PAID),
    Edge(State.FAILED, Event.CORRECT, State.PAID),
    Edge(State.PAID, Event.ASK_REFUND, State.PAID),
    Edge(State.PAID, Event.SETTLE_REFUND, State.PAID),
    Edge(State.PAID, Event.FAIL_REFUND, State.PAID),
    Edge(State.PAID, Event.COMPLETE_REFUND, State.REFUNDED),
    *(Edge(state, Event.NOTE, state) for state in State),
)

_BECOMES: Mapping[tuple[State, Event], State] = {
    (edge.was, edge.event): edge.becomes for edge in EDGES
}


def after(was: State, event: Event) -> State:
    """Return what `event` makes of `was`, else raise Conflict("charge.move")."""
    becomes = _BECOMES.get((was, event))
    if becomes is None:
        raise Conflict("charge.move", was=str(was), event=str(event))
    return becomes


def is_allowed(was: State, event: Event) -> bool:
    """Say whether the graph has this edge."""
    return (was, event) in _BECOMES


def drawn() -> str:
    """Return the graph as a Mermaid state diagram, notes left out."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "stateDiagram-v2"
    yield "    [*] --> created"
    for edge in EDGES:
        if edge.event is not Event.NOTE:
            yield f"    {edge.was} --> {edge.becomes}: {edge.event}"
