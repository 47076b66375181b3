"""Numbers of applications: `DYP-2026-004182`, rising by body and year; gaps are allowed."""

from datetime import date

from django.db import connection

_NEXT = """
insert into cases_numberseries (body, year, last) values (%s, %s, 1)
on conflict (body, year) do update set last = cases_numberseries.last + 1
returning last
"""


def next_number(*, body: str, on: date) -> str:
    """Return the next number of this body and year; it is never given again."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [body, on.year])
        (last,) = cursor.fetchone()
    return f"{body.upper()}-{on.year}-{last:06d}"
