"""How long messages and events are tried and kept, and how many may wait."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """`first_s` doubles with each attempt up to `longest_s`; jitter takes up to half of it."""

    first_s: float = 1.0
    longest_s: float = 600.0
    usual: timedelta = timedelta(days=7)
    longest: timedelta = timedelta(days=30)
    # How long content is kept after its end; who, when and receipts stay.
    kept: timedelta = timedelta(days=30)
    at_once: int = 16
    # Above it no more is taken over.
    most_waiting: int = 100_000
    # How many messages of one subscription may wait; its other events wait in the series.
    most_of_subscription: int = 500
    # How often an event is offered to its system before it is set aside.
    event_attempts: int = 12
    look_s: float = 1.0
