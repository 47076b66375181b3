"""The legal clock of a case: started, paused with a reason, resumed, due.

A working day counts when it has ended: the day of the event that starts the clock and the day on
which it is paused are not used up. A term in calendar days or months that ends on a day off ends
on the next working day.
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from pencere.kernel.errors import Conflict, Invalid
from pencere.kernel.working_days import WorkingCalendar
from pencere.services.model.common import TermUnit
from pencere.services.model.definition import Term


def end_of_term(start: date, length: int, unit: TermUnit, calendar: WorkingCalendar) -> date:
    """Return the last day of a term that begins the day after `start`."""
    match unit:
        case TermUnit.WORKING_DAYS:
            return calendar.add(start, length)
        case TermUnit.DAYS:
            return calendar.on_or_after(start + timedelta(days=length))
        case TermUnit.MONTHS:
            return calendar.on_or_after(plus_months(start, length))


@dataclass(frozen=True, slots=True)
class Pause:
    """Days on which the clock stood; `until` None: it still stands. `reason` is a state's id."""

    since: date
    until: date | None
    reason: str


@dataclass(frozen=True, slots=True)
class Lengthened:
    """The body lengthened the term on a day, on these grounds of the law's list."""

    on: date
    length: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LegalClock:
    """A term at work. `since` and `left` describe the present stretch."""

    length: int
    unit: TermUnit
    started: date | None = None
    since: date | None = None
    left: int = 0
    deadline: date | None = None
    ended: date | None = None
    pauses: tuple[Pause, ...] = ()
    lengthened: tuple[Lengthened, ...] = ()

    @classmethod
    def of(cls, term: Term) -> "LegalClock":
        """Return a clock that has not started."""
        return cls(term.length, term.unit)

    @property
    def is_paused(self) -> bool:
        """Say whether the clock stands."""
        return bool(self.pauses) and self.pauses[-1].until is None

    @property
    def due(self) -> date | None:
        """Return the last lawful day, None while the clock has not started or stands."""
        return None if self.is_paused else self.deadline

    def start(self, on: date, calendar: WorkingCalendar) -> "LegalClock":
        """Start on the day of the event; a clock that has started stays as it is."""
        if self.started is not None:
            return self
        deadline = end_of_term(on, self.length, self.unit, calendar)
        in_days = (plus_months(on, self.length) - on).days
        left = in_days if self.unit is TermUnit.MONTHS else self.length
        return replace(self, started=on, since=on, left=left, deadline=deadline)

    def pause(self, on: date, reason: str, calendar: WorkingCalendar) -> "LegalClock":
        """Stop counting from `on`.

        Raises:
            Conflict: `clock.paused`, it stands already.
        """
        if self.is_paused:
            raise Conflict("clock.paused")
        pause = Pause(on, None, reason)
        if self.since is None or self.deadline is None:
            return replace(self, pauses=(*self.pauses, pause))
        used = self._used(self.since, on, calendar)
        # Whoever is late stays late: a pause after the deadline gives nothing back.
        left = max(self.left - used, 1) if on <= self.deadline and self.length else 0
        return replace(self, left=left, pauses=(*self.pauses, pause))

    def resume(self, on: date, calendar: WorkingCalendar) -> "LegalClock":
        """Count on from `on`.

        Raises:
            Conflict: `clock.not_paused`.
        """
        if not self.is_paused:
            raise Conflict("clock.not_paused")
        pauses = (*self.pauses[:-1], replace(self.pauses[-1], until=on))
        if self.deadline is None or self.left == 0:
            return replace(self, pauses=pauses)
        unit = TermUnit.DAYS if self.unit is TermUnit.MONTHS else self.unit
        deadline = end_of_term(on, self.left, unit, calendar)
        return replace(self, since=on, deadline=deadline, pauses=pauses)

    def restart(self, on: date, calendar: WorkingCalendar) -> "LegalClock":
        """Begin the whole term anew on the day the applicant completed what was missing.

        What it was lengthened by counts no more; how often does. Whoever was late stays late.

        Raises:
            Conflict: `clock.not_paused`.
        """
        if self.deadline is None or self.left == 0:
            return self.resume(on, calendar)
        resumed = self.resume(on, calendar)
        fresh = replace(resumed, started=None).start(on, calendar)
        return replace(fresh, started=self.started)

    def extend(
        self, on: date, length: int, reasons: tuple[str, ...], calendar: WorkingCalendar
    ) -> "LegalClock":
        """Lengthen the term by so many of its own units, before its last day has passed.

        Raises:
            Conflict: `clock.not_started`, `clock.ended`, `clock.overdue`.
        """
        if self.ended is not None:
            raise Conflict("clock.ended")
        if self.deadline is None:
            raise Conflict("clock.not_started")
        if on > self.deadline if not self.is_paused else self.left == 0:
            raise Conflict("clock.overdue")
        longer = (*self.lengthened, Lengthened(on, length, reasons))
        deadline = end_of_term(self.deadline, length, self.unit, calendar)
        more = length if self.unit is TermUnit.WORKING_DAYS else (deadline - self.deadline).days
        # While the clock stands the last day is not known: what is left when it runs on is.
        return replace(
            self,
            left=self.left + more,
            deadline=self.deadline if self.is_paused else deadline,
            lengthened=longer,
        )

    def end(self, on: date) -> "LegalClock":
        """Return the clock of a decided case; `was_kept` then says whether in time."""
        return replace(self, ended=on)

    def remaining(self, on: date, calendar: WorkingCalendar) -> int | None:
        """Return the working days left, negative when overdue; None when it has not started.

        While the clock stands: what will be left when it runs on (calendar days for such a term).
        """
        if self.deadline is None:
            return None
        return self.left if self.is_paused else calendar.count(on, self.deadline)

    def is_overdue(self, on: date) -> bool:
        """Say whether the last lawful day has passed."""
        return self.ended is None and self.due is not None and on > self.due

    @property
    def was_kept(self) -> bool | None:
        """Say whether the decision came in time; None while there is none."""
        if self.ended is None or self.deadline is None:
            return None
        return self.ended <= self.deadline

    def _used(self, since: date, on: date, calendar: WorkingCalendar) -> int:
        yesterday = max(on - timedelta(days=1), since)
        if self.unit is TermUnit.WORKING_DAYS:
            return calendar.count(since, yesterday)
        return (yesterday - since).days

    def to_mapping(self) -> dict[str, object]:
        """Return the clock as JSON."""
        return {
            "length": self.length,
            "unit": self.unit.value,
            "started": _iso(self.started),
            "since": _iso(self.since),
            "left": self.left,
            "deadline": _iso(self.deadline),
            "ended": _iso(self.ended),
            "pauses": [
                {"since": _iso(p.since), "until": _iso(p.until), "reason": p.reason}
                for p in self.pauses
            ],
            "lengthened": [
                {"on": _iso(one.on), "length": one.length, "reasons": list(one.reasons)}
                for one in self.lengthened
            ],
        }

    @classmethod
    def from_mapping(cls, stored: Mapping[str, object]) -> "LegalClock":
        """Return the clock of `to_mapping`.

        Raises:
            Invalid: `clock.corrupt`.
        """
        try:
            pauses = stored["pauses"]
            lengthened = stored.get("lengthened", [])
            if not isinstance(pauses, list) or not isinstance(lengthened, list):
                raise Invalid("clock.corrupt")
            return cls(
                length=int(str(stored["length"])),
                unit=TermUnit(str(stored["unit"])),
                started=_day(stored["started"]),
                since=_day(stored["since"]),
                left=int(str(stored["left"])),
                deadline=_day(stored["deadline"]),
                ended=_day(stored["ended"]),
                pauses=tuple(
                    Pause(date.fromisoformat(p["since"]), _day(p["until"]), str(p["reason"]))
                    for p in pauses
                ),
                lengthened=tuple(
                    Lengthened(
                        date.fromisoformat(one["on"]), int(one["length"]), tuple(one["reasons"])
                    )
                    for one in lengthened
                ),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise Invalid("clock.corrupt") from error


def plus_months(day: date, n: int) -> date:
    """Return the same day so many months later, or the last of a month that is too short."""
    year, month = divmod(day.year * 12 + day.month - 1 + n, 12)
    return day.replace(year=year, month=month + 1, day=min(day.day, monthrange(year, month + 1)[1]))


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _day(stored: object) -> date | None:
    return None if stored is None else date.fromisoformat(str(stored))
