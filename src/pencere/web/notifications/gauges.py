"""What waits and what failed, counted in the database when Prometheus asks."""

from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError, connection
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pencere.web.notifications.domain.channels import CHANNELS

# What was tried in vain waits since its message came, not since the next try.
_COUNTS = """
select d.channel,
       count(*) filter (where d.status = 'created'),
       extract(epoch from %(now)s - min(
           case when d.attempts > 0 then m.sent_at else d.due_at end
       ) filter (where d.status = 'created')),
       count(*) filter (where d.status = 'failed' and d.at > %(now)s - interval '1 day'),
       coalesce(sum(d.parts) filter (where d.at > %(now)s - interval '1 day'), 0)
from notifications_delivery d join notifications_message m on m.id = d.message_id
where d.status = 'created' or (d.at > %(now)s - interval '1 day' and d.channel <> 'inbox')
group by d.channel
"""
_GAUGES = (
    ("notices_waiting", "Notices that wait to be sent"),
    ("notices_oldest_seconds", "For how long the oldest could have been sent; 0: none could"),
    ("notices_failed_last_day", "Notices given up or refused within a day"),
    ("notices_parts_last_day", "Parts of text messages that were paid for within a day"),
)


class Notices(Collector):
    """Gauges by channel. A database that is away has none; the page says so by /healthz."""

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Give the names only: nothing is asked when the process starts."""
        for name, words in _GAUGES:
            yield GaugeMetricFamily(name, words, labels=["channel"])

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Count."""
        families = list(self.describe())
        counts = {name: [0.0] * len(families) for name in CHANNELS}
        try:
            with connection.cursor() as cursor:
                cursor.execute(_COUNTS, {"now": settings.CLOCK.now()})
                for channel, *figures in cursor.fetchall():
                    if channel in counts:
                        counts[channel] = [max(0.0, float(one or 0)) for one in figures]
        except DatabaseError:
            return
        for channel, figures in counts.items():
            for family, figure in zip(families, figures, strict=True):
                family.add_metric([channel], figure)
        yield from families


def register() -> None:
    """Let `/metrics` of this process have them."""
    REGISTRY.register(Notices())
