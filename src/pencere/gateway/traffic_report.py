"""A node that joined tells the state register what was really asked of it, once an hour.

The nodes of the register's own installation are asked instead (`/monitoring/traffic`); nobody
there has an operator's key of a node on another machine. docs/specs/joining.md, "Traffic".
"""

import asyncio
import logging
from datetime import date, timedelta
from typing import Any, Protocol

from pencere.gateway.exchange.core import Core
from pencere.gateway.log.database import GONE
from pencere.gateway.observe.reading import MonitoringReader
from pencere.kernel.clock import local_date
from pencere.kernel.errors import PencereError

log = logging.getLogger(__name__)
_AGAIN_S = 60.0
# Exchanges that were in work end later, so the last days are counted anew.
_LOOK_BACK = timedelta(days=2)
_LONGEST = timedelta(days=31)


class Reporter(Protocol):
    """Whoever speaks to the register in the node's name. May block."""

    def report_traffic(self, first: date, last: date, counts: list[dict[str, Any]]) -> None:
        """Tell the counts of days, both included, in the place of what was told of them."""


class TrafficReport:
    """Tells every `every_s` seconds; what failed is tried again a minute later."""

    def __init__(self, core: Core, reporter: Reporter, every_s: float) -> None:
        self._core, self._reporter, self._every_s = core, reporter, every_s
        self._reader = MonitoringReader(core.config.database_url)
        self._told: date | None = None

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            try:
                await self.tell()
                wait_s = self._every_s
            except (*GONE, PencereError) as problem:
                log.warning("traffic_not_told reason=%s", str(problem) or type(problem).__name__)
                wait_s = min(self._every_s, _AGAIN_S)
            await asyncio.sleep(wait_s)

    async def tell(self) -> None:
        """Tell the days since the last time; after a start, of the last month."""
        today = local_date(self._core.now())
        first = today - _LONGEST if self._told is None else self._told - _LOOK_BACK
        counts = await self._reader.traffic(first, today, self._core.config.node)
        await asyncio.to_thread(self._reporter.report_traffic, first, today, counts)
        self._told = today

    async def stop(self) -> None:
        """Close connections."""
        await self._reader.stop()
