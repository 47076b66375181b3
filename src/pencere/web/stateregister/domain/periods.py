"""On which days an agreement gave its right: read from the acts about it.

An act counts with its day in Baku, on which the right may still have been used, or used already.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from pencere.kernel.clock import local_date
from pencere.web.stateregister.models import Act, Agreement

# First and last day, both included.
Period = tuple[date, date]
_KINDS = ("founded", "by-law", "in-force", "suspended", "resumed", "notice", "ended")


def periods() -> Mapping[str, tuple[Period, ...]]:
    """Return the periods of every agreement, in order."""
    acts: dict[str, list[Act]] = defaultdict(list)
    for act in Act.objects.filter(about="agreement", kind__in=_KINDS).order_by("id"):
        acts[act.subject].append(act)
    return {row.id: periods_of(row, acts[row.id]) for row in Agreement.objects.all()}


def periods_of(row: Agreement, acts: Iterable[Act]) -> tuple[Period, ...]:
    """Return the periods of one, by its acts in order."""
    found: list[Period] = []
    since: date | None = None
    until, is_suspended = row.last_day, False

    def close(last: date) -> None:
        if since is not None and since <= min(last, until):
            found.append((since, min(last, until)))

    for act in acts:
        day = local_date(act.at)
        match act.kind:
            case "founded":
                # What an amendment changed says no more from when it was.
                since = row.first_day if row.accord_id is None else min(row.first_day, day)
            case "in-force" | "by-law":
                close(day)
                until = date.fromisoformat(act.details.get("until") or row.last_day.isoformat())
                begins = date.fromisoformat(act.details.get("from") or row.first_day.isoformat())
                since = None if is_suspended else max(begins, day)
            case "suspended":
                close(day)
                since, is_suspended = None, True
            case "resumed":
                since, is_suspended = max(row.first_day, day), False
            case "notice":
                until = date.fromisoformat(act.details["until"])
            case _:  # ended
                close(day)
                since = None
    close(row.last_day)
    return merged(found)


def merged(of: Iterable[Period]) -> tuple[Period, ...]:
    """Return periods without those that touch or overlap."""
    found: list[Period] = []
    for first, last in sorted(of):
        if found and first <= found[-1][1] + timedelta(days=1):
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)


def gaps(of: Iterable[Period]) -> tuple[Period, ...]:
    """Return the days between periods."""
    joined = merged(of)
    one_day = timedelta(days=1)
    return tuple(
        (before[1] + one_day, after[0] - one_day) for before, after in itertools.pairwise(joined)
    )
