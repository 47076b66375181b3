"""What answers amount to; a service with few of them has no figure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from django.db.models import Avg, Count, Max

from pencere.web.satisfaction.models import Answer

# Below so many answers one of them could be guessed.
FEWEST = 20
YEAR = timedelta(days=365)
COMMENTS = 50


@dataclass(frozen=True, slots=True)
class Figure:
    """How many answered within a year, and what they said on average: 1 to 5."""

    body: str
    answers: int
    average: float


def figure_of(service: str, *, today: date) -> Figure | None:
    """Return a service's figure of the last year, None below FEWEST answers."""
    return _of_all(today).get(service)


def of_bodies(bodies: Collection[str], *, today: date) -> Mapping[str, Figure]:
    """Return the figure of each service of these bodies that has one."""
    return {name: found for name, found in _of_all(today).items() if found.body in bodies}


def comments_of(bodies: Collection[str], *, today: date) -> list[Answer]:
    """Return the newest comments on services of these bodies, in no order within a month."""
    said = Answer.objects.filter(body__in=bodies, month__gte=today - YEAR).exclude(comment="")
    return list(said.order_by("-month", "id")[:COMMENTS])


@lru_cache(maxsize=1)
def _of_all(today: date) -> Mapping[str, Figure]:
    rows = (
        Answer.objects.filter(month__gt=today - YEAR)
        .values("service")
        .annotate(at=Max("body"), answers=Count("pk"), average=Avg("score"))
        .order_by("service")
    )
    return {
        row["service"]: Figure(row["at"], row["answers"], round(row["average"], 1))
        for row in rows
        if row["answers"] >= FEWEST
    }


def forget_figures() -> None:
    """Count anew at the next question."""
    _of_all.cache_clear()
