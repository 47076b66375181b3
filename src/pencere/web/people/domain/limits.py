"""How often something may be tried in a window of time, counted without keeping who tried."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from pencere.kernel.errors import Refused
from pencere.web.people.models.attempt import Attempt
from pencere.web.people.vault import vault

_COUNT = """
insert into people_attempt (key_digest, "window", count) values (%s, %s, 1)
on conflict (key_digest, "window") do update set count = people_attempt.count + 1
returning count
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` of a thing in each window."""

    thing: str
    most: int
    window: timedelta


def count(limit: Limit, who: str, *, at: datetime) -> None:
    """Count one attempt.

    Raises:
        Refused: `limit.reached` with `minutes` until the next window begins.
    """
    length_s = int(limit.window.total_seconds())
    seconds = int(at.timestamp())
    window = seconds // length_s
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [vault().digest(limit.thing, who), window * length_s])
        attempts = cursor.fetchone()[0]
    if attempts > limit.most:
        wait_s = (window + 1) * length_s - seconds
        raise Refused("limit.reached", n=max(1, -(-wait_s // 60)))


def pardon(limit: Limit, who: str, *, at: datetime) -> None:
    """Forget the attempts of this window: what was tried has come to a good end."""
    length_s = int(limit.window.total_seconds())
    window = int(at.timestamp()) // length_s * length_s
    digest = vault().digest(limit.thing, who)
    Attempt.objects.filter(key_digest=digest, window=window).delete()


def forget(*, before: datetime) -> int:
    """Delete counters of windows that began before; return how many."""
    return Attempt.objects.filter(window__lt=int(before.timestamp())).delete()[0]
