"""How long messages and events are tried and kept, and how many may wait."""

from dataclasses import dataclass
from datetime import timedelta

from pencere.kernel.errors import Misconfigured

# Larger bodies come in files at other nodes (`Limits.stream_bytes`); a message is held in memory.
LARGEST_MESSAGE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """`first_s` doubles with each attempt up to `longest_s`; jitter takes up to half of it.

    Raises:
        Misconfigured: `message_bytes` is none, or more than nodes hold in memory.
    """

    first_s: float = 1.0
    longest_s: float = 600.0
    usual: timedelta = timedelta(days=7)
    longest: timedelta = timedelta(days=30)
    # How long content is kept after its end; who, when and receipts stay.
    kept: timedelta = timedelta(days=30)
    # For so long after its acceptance a message that another node refuses by its directory is tried
    # again: that node may not have the version by which this one took it.
    directories_differ: timedelta = timedelta(minutes=10)
    at_once: int = 16
    # Above it no more is taken over.
    most_waiting: int = 100_000
    # How large the body of a message may be; more than the log keeps of a body is in the log as
    # its digest alone.
    message_bytes: int = 256 * 1024
    # How many messages of one subscription may wait; its other events wait in the series.
    most_of_subscription: int = 500
    # How often an event is offered to its system before it is set aside.
    event_attempts: int = 12
    look_s: float = 1.0
    # How often events that wait are counted for `/metrics`: nobody may ever take them away.
    count_s: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.message_bytes <= LARGEST_MESSAGE:
            raise Misconfigured(
                file="delivery settings",
                key="message_bytes",
                value=self.message_bytes,
                example=str(LARGEST_MESSAGE),
            )
