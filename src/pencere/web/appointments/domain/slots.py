"""Making slots from working hours and the country's working days. Pure."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Span = tuple[time, time]


def times(
    *,
    days: Iterator[date],
    hours: tuple[Span, ...],
    length: timedelta,
    is_working: Callable[[date], bool],
    zone: ZoneInfo,
) -> Iterator[tuple[datetime, datetime]]:
    """Yield (start, end) of each slot that fits wholly into the hours of a working day.

    Counted in real time: on a day when clocks move no slot is shorter, and none stands twice.
    """
    for day in days:
        if not is_working(day):
            continue
        for opens, closes in hours:
            start = datetime.combine(day, opens, zone).astimezone(UTC)
            end = datetime.combine(day, closes, zone).astimezone(UTC)
            while start + length <= end:
                yield start.astimezone(zone), (start + length).astimezone(zone)
                start += length
