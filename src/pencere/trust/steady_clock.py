"""The clock that time-stamps are made by: it stops rather than lie, and says why.

It is held against its own mark (what it showed before, over restarts too), against a counter
that nobody sets (a clock that was set shows in the difference), and against other clocks. It goes
again by itself when the reason is gone.
"""

import ctypes
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from pencere.kernel.clock import Clock
from pencere.kernel.errors import Unavailable

# A token promises one second; half of it is for the clock, half for all that is not measured.
TOLERANCE = timedelta(seconds=1)
LARGEST_OFFSET_S = 0.5
_FOLLOWED_EVERY_S = 60.0
_FASTEST_SLEW = 500e-6  # adjtimex: the kernel slews by 500 ppm at most
_CHECKED_WITHIN_S = 600.0


def since_boot() -> float:
    """Return seconds that nobody can set, and that a sleeping machine counts too."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


class Reference(Protocol):
    """Another clock, or what is known of ours."""

    name: str

    def problem(self, clock: Clock) -> str | None:
        """Return what is wrong with `clock` as seen from here; None when nothing is.

        Raises:
            Unavailable: nothing can be said at the moment.
        """


class SteadyClock:
    """A clock that refuses to have been set.

    `mark` is the latest instant on record when the service started, `tolerance` covers the
    steering of the machine's clock by NTP. `counter` gives seconds that nobody sets; None where
    the clock is not the machine's. `references` are asked by `check`, at intervals.

    Raises:
        Unavailable: `clock.backwards`, `clock.jumped`, `clock.drifts`, `clock.unchecked`.
    """

    def __init__(
        self,
        clock: Clock,
        mark: datetime | None,
        tolerance: timedelta = TOLERANCE,
        *,
        counter: Callable[[], float] | None = None,
        references: Sequence[Reference] = (),
    ) -> None:
        self.mark = mark or datetime(1970, 1, 1, tzinfo=UTC)
        self._clock = clock
        self._tolerance = tolerance
        self._counter = counter
        self._references = references
        self._lock = threading.Lock()
        self._anchor: tuple[datetime, float] | None = None
        self._problem: str | None = None
        self._checked_at = counter() if counter else 0.0

    def now(self) -> datetime:
        """Return an instant that is not before any instant returned earlier."""
        with self._lock:
            shown = self._clock.now()
            if shown < self.mark - self._tolerance:
                raise Unavailable("clock.backwards", behind_s=(self.mark - shown).total_seconds())
            if self._counter is not None:
                self._compare(shown, self._counter())
            if self._problem is not None:
                raise Unavailable("clock.drifts", reason=self._problem)
            self.mark = max(self.mark, shown)
            return self.mark

    def _compare(self, shown: datetime, counted: float) -> None:
        if self._anchor is None:
            self._anchor = shown, counted
        since, began = self._anchor
        ran = counted - began
        off = (shown - since).total_seconds() - ran
        if abs(off) > LARGEST_OFFSET_S + ran * _FASTEST_SLEW:
            raise Unavailable("clock.jumped", by_s=round(off, 3))
        if ran > _FOLLOWED_EVERY_S:
            self._anchor = shown, counted  # slewing is followed, setting is not
        if self._references and counted - self._checked_at > _CHECKED_WITHIN_S:
            raise Unavailable("clock.unchecked", for_s=round(counted - self._checked_at))

    def check(self) -> None:
        """Ask the references; what they say holds until they are asked again."""
        problems, answered = [], 0
        for reference in self._references:
            try:
                problem = reference.problem(self._clock)
            except Unavailable:
                continue
            answered += 1
            if problem is not None:
                problems.append(f"{reference.name}: {problem}")
        with self._lock:
            if answered == len(self._references) and self._counter is not None:
                self._checked_at = self._counter()
            self._problem = "; ".join(problems) or None


class DatabaseClock:
    """The clock of the database server; a witness where that is another machine."""

    name = "database"

    def __init__(self, ask: Callable[[], datetime]) -> None:
        self._ask = ask

    def problem(self, clock: Clock) -> str | None:
        """Return how far the clocks are apart, when that is too far."""
        began = clock.now()
        try:
            theirs = self._ask()
        except Exception as error:
            raise Unavailable("clock.reference", reason=type(error).__name__) from error
        ended = clock.now()
        half = (ended - began) / 2
        off = (theirs - (began + half)).total_seconds()
        # What the way there and back took may lie on either side.
        if abs(off) - half.total_seconds() > LARGEST_OFFSET_S:
            return f"{off:+.3f} s"
        return None


@dataclass
class KernelClock:
    """What the kernel knows of its own clock, from whoever steers it (NTP, PTP).

    `must_be_synchronised`: refuse when nobody steers it. A machine for trial has nobody.
    """

    must_be_synchronised: bool = False
    name: str = "kernel"

    def problem(self, clock: Clock) -> str | None:
        """Return what the kernel says against its clock."""
        del clock  # the kernel speaks of its own
        state = kernel_state()
        if state is None:
            raise Unavailable("clock.reference", reason="adjtimex")
        is_synchronised, error_s = state
        if not is_synchronised:
            return "not synchronised" if self.must_be_synchronised else None
        if error_s > LARGEST_OFFSET_S:
            return f"may be off by {error_s:.3f} s"
        return None


class _Timex(ctypes.Structure):
    # struct timex of <sys/timex.h>; the rest is for the kernel to write.
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


_TIME_ERROR, _STA_UNSYNC = 5, 0x0040


def kernel_state() -> tuple[bool, float] | None:
    """Return whether the clock is steered and its largest error in seconds; None: not known."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    timex = _Timex()
    code = adjtimex(ctypes.byref(timex))  # modes 0 only reads
    if code < 0:
        return None
    is_synchronised = code != _TIME_ERROR and not timex.status & _STA_UNSYNC
    return is_synchronised, timex.maxerror / 1e6
