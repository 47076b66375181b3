"""Making slots from working hours and the country's working days. Pure."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
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
    """Yield (start, end) of each slot that fits wholly into the hours of a working day."""
    for day in days:
        if not is_working(day):
            continue
        for opens, closes in hours:
            start = datetime.combine(day, opens, zone)
            while start + length <= datetime.combine(day, closes, zone):
                yield start, start + length
                start += length
