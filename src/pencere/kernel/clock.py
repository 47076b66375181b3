"""Time is an argument: this module alone reads the system's clock."""

from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

# No daylight saving since 2016 (Cabinet decision of 17 March 2016); UTC+4 all year.
BAKU = ZoneInfo("Asia/Baku")


class Clock(Protocol):
    """Whatever can say what time it is."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is moved; for tests, replays, and dry runs."""

    def __init__(self, instant: datetime) -> None:
        self._instant = as_utc(instant)

    def now(self) -> datetime:
        """Return the instant it was set to."""
        return self._instant

    def advance(self, by: timedelta) -> None:
        """Move the hand by `by`."""
        self._instant += by


def as_utc(instant: datetime) -> datetime:
    """Return the same instant in UTC.

    Raises:
        ValueError: `instant` has no time zone, so it is not known which instant it is.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant without a time zone is not an instant")
    return instant.astimezone(UTC)


def local_date(instant: datetime) -> date:
    """Return the calendar day in Baku at `instant`: the day the law counts in."""
    return as_utc(instant).astimezone(BAKU).date()
