"""Working days, as terms are counted in: Labour Code article 105 and the Cabinet's day swaps.

The days themselves are the country's data and are passed in.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import date, timedelta

from pencere.kernel.errors import Invalid

_SATURDAY = 5
_DAY = timedelta(days=1)
# Terms in the law are at most a few years; more is a mistake, and a loop without an end.
_MAX_TERM = 10_000


@dataclass(frozen=True)
class WorkingCalendar:
    """Monday to Friday, without `holidays`, with `working_weekends`.

    `holidays`: every day off by law, day swaps and days observed later included.
    `working_weekends`: Saturdays and Sundays made working days in exchange.
    """

    holidays: frozenset[date]
    working_weekends: frozenset[date] = frozenset()
    _weekdays_off: tuple[date, ...] = field(init=False, repr=False, compare=False)
    _weekends_on: tuple[date, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for day in self.working_weekends:
            if not _is_weekend(day) or day in self.holidays:
                raise Invalid("calendar.working_weekend", day=day.isoformat())
        off = tuple(sorted(day for day in self.holidays if not _is_weekend(day)))
        object.__setattr__(self, "_weekdays_off", off)
        object.__setattr__(self, "_weekends_on", tuple(sorted(self.working_weekends)))

    def is_working(self, day: date) -> bool:
        """Say whether `day` is a working day."""
        if _is_weekend(day):
            return day in self.working_weekends
        return day not in self.holidays

    def add(self, day: date, n: int) -> date:
        """Return the `n`-th working day after `day`; the term starts the day after.

        `add(day, 0)` is `day` itself, working or not.

        Raises:
            Invalid: `term.out_of_range` when `n` is negative or beyond 10,000.
        """
        if not 0 <= n <= _MAX_TERM:
            raise Invalid("term.out_of_range", days=n)
        while n:
            day += _DAY
            n -= self.is_working(day)
        return day

    def on_or_after(self, day: date) -> date:
        """Return `day`, or the next working day: a term that ends on a day off ends then."""
        return day if self.is_working(day) else self.add(day, 1)

    def count(self, start: date, end: date) -> int:
        """Return the working days after `start` up to and with `end`.

        So `count(day, add(day, n)) == n`. When `end` lies before `start` the result is the
        negative of the way back: how many working days a term is overdue.
        """
        if end < start:
            return -self.count(end, start)
        weekdays = _weekdays_until(end) - _weekdays_until(start)
        return (
            weekdays
            - _within(self._weekdays_off, start, end)
            + _within(self._weekends_on, start, end)
        )


def _is_weekend(day: date) -> bool:
    return day.weekday() >= _SATURDAY


def _weekdays_until(day: date) -> int:
    # date.toordinal() 1 is a Monday.
    weeks, rest = divmod(day.toordinal(), 7)
    return weeks * 5 + min(rest, 5)


def _within(days: tuple[date, ...], start: date, end: date) -> int:
    return bisect_right(days, end) - bisect_left(days, start + _DAY)
