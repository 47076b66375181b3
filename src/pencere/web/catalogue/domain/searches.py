"""Counting searches: what people look for, and what they look for in vain."""

from datetime import date, timedelta

from django.db import connection
from django.db.models import Sum

from pencere.kernel.alphabet import lower
from pencere.web.catalogue.models import SearchFound, SearchMissed

COUNTED = timedelta(days=30)
LONGEST_WORDS = 60

# Fewer is no fashion but a few people, who might be recognised by it.
FEWEST = 5

_FOUND = """
insert into catalogue_searchfound (service, day, count) values (%s, %s, 1)
on conflict (service, day) do update set count = catalogue_searchfound.count + 1
"""
_MISSED = """
insert into catalogue_searchmissed (words, language, day, count) values (%s, %s, %s, 1)
on conflict (words, language, day) do update set count = catalogue_searchmissed.count + 1
"""


def note_found(service: str, *, on: date) -> None:
    """Count a search whose first answer was this service."""
    with connection.cursor() as cursor:
        cursor.execute(_FOUND, [service, on])


def note_missed(words: str, language: str, *, on: date) -> None:
    """Count a search without an answer. Words with digits are not kept: they may be someone's."""
    kept = " ".join(lower(words).split())[:LONGEST_WORDS]
    if not kept or not all(character.isalpha() or character in " -'" for character in kept):
        return
    with connection.cursor() as cursor:
        cursor.execute(_MISSED, [kept, language, on])


def most_searched(limit: int, *, on: date) -> list[str]:
    """Return ids of the services found most often in the last days."""
    counted = (
        SearchFound.objects.filter(day__gt=on - COUNTED)
        .values("service")
        .annotate(times=Sum("count"))
        .filter(times__gte=FEWEST)
        .order_by("-times", "service")
    )
    return [row["service"] for row in counted[:limit]]


def missed(limit: int, *, on: date) -> list[tuple[str, str, int]]:
    """Return (words, language, times) of the last days, the most frequent first."""
    counted = (
        SearchMissed.objects.filter(day__gt=on - COUNTED)
        .values("words", "language")
        .annotate(times=Sum("count"))
        .order_by("-times", "words")
    )
    return [(row["words"], row["language"], row["times"]) for row in counted[:limit]]
