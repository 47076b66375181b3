"""How often, which fields, and what the person is told. docs/specs/directory.md."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

_LONGEST_DAYS = 3660
_FIELD = re.compile(r"[A-Za-z0-9_.-]{1,100}\Z")


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast: so many a second on average, and how many at once."""

    per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class Quota:
    """How many in a day or a month of Baku."""

    per: Literal["day", "month"]
    count: int

    def first_day(self, on: date) -> date:
        """Return the first day of the period that `on` is in."""
        return on if self.per == "day" else on.replace(day=1)

    def next_day(self, on: date) -> date:
        """Return the first day after the period that `on` is in."""
        if self.per == "day":
            return on + timedelta(days=1)
        return (on.replace(day=1) + timedelta(days=32)).replace(day=1)


@dataclass(frozen=True, slots=True)
class Suppression:
    """By which acts an access may be kept from the person, and for how many days at most."""

    bases: frozenset[str]
    days: int


def parse_suppression(entry: Mapping[str, Any] | None) -> Suppression | None:
    """Return what an agreement allows to hide; ValueError when it names no act or no end."""
    if entry is None:
        return None
    bases, days = frozenset(entry["bases"]), int(entry["days"])
    if not bases or not 1 <= days <= _LONGEST_DAYS:
        raise ValueError("hiding rests on acts and ends after a number of days")
    return Suppression(bases, days)


def parse_rate(entry: Mapping[str, Any] | None) -> Rate | None:
    """Return the rate of an agreement; ValueError when it is none."""
    if entry is None:
        return None
    per_second = float(entry["per_second"])
    if not (math.isfinite(per_second) and per_second > 0):
        raise ValueError("a rate is a number of requests a second, more than 0")
    burst = int(entry.get("burst", max(1, math.ceil(per_second))))
    if burst < 1:
        raise ValueError("the burst of a rate is at least 1")
    return Rate(per_second, burst)


def parse_quota(entry: Mapping[str, Any] | None) -> Quota | None:
    """Return the quota of an agreement; ValueError when it is none."""
    if entry is None:
        return None
    per, count = entry["per"], int(entry["count"])
    if per not in {"day", "month"} or count < 0:
        raise ValueError("a quota is a count per day or month")
    return Quota(per, count)


def parse_fields(names: list[str] | None) -> tuple[str, ...]:
    """Return the agreed fields in order; ValueError for an empty list or an impossible name."""
    if names is None:
        return ()
    if not names or not all(_FIELD.match(one) for one in names):
        # An empty list would read as "no narrowing", which is the opposite of what it says.
        raise ValueError("fields are names, at least one; leave the key out for no narrowing")
    return tuple(dict.fromkeys(names))
