"""`/monitoring/...` on the clients' port: for operators, who prove themselves with their key.

`records?after=&from=&to=&consumer=&service=&limit=`, `health?minutes=`, `traffic?from=&to=`.
docs/reference/monitoring.md.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from pencere.gateway.exchange.core import Core
from pencere.gateway.exchange.refusals import answer_fault
from pencere.gateway.log.database import GONE
from pencere.gateway.observe.reading import LARGEST_PAGE, MonitoringReader, Wanted
from pencere.gateway.wire.faults import Fault, Kind, client_fault
from pencere.kernel.clock import local_date
from pencere.kernel.http.message import Request
from pencere.kernel.http.server import Respond

log = logging.getLogger(__name__)
_LONGEST_DAYS = 400
_AT_ONCE = 4
Query = dict[str, str]
Reading = Callable[[Core, MonitoringReader, Query], Coroutine[Any, Any, dict[str, Any]]]


class MonitoringPages:
    """Answers operators; few at a time, so that they never hold up exchanges."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._reader = MonitoringReader(core.config.database_url)
        self._tasks: set[asyncio.Task[None]] = set()

    def handle(self, request: Request, respond: Respond) -> None:
        """Begin to answer; raises a fault when that is refused."""
        core = self._core
        key = request.header(b"pencere-operator-key") or b""
        if not core.node_file.current.is_operator_key(key):
            raise client_fault(
                Kind.SSL_AUTHENTICATION_FAILED,
                "Header Pencere-Operator-Key is missing or wrong; it stands in the node's file",
            )
        path, _, query = request.target.partition("?")
        reading = _READINGS.get(path.removeprefix("/monitoring/"))
        if reading is None or request.method != "GET":
            raise client_fault(
                Kind.INVALID_REQUEST, "GET /monitoring/records, /monitoring/health or .../traffic"
            )
        if len(self._tasks) >= _AT_ONCE:
            raise client_fault(Kind.OVERLOADED, f"{_AT_ONCE} such questions are in work; ask again")
        given = dict(parse_qsl(query))
        task = core.loop.create_task(self._answer(reading, given, request, respond))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End what is in work, close."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._reader.stop()

    async def _answer(
        self, reading: Reading, query: Query, request: Request, respond: Respond
    ) -> None:
        try:
            content = await reading(self._core, self._reader, query)
        except ValueError as problem:
            fault = client_fault(Kind.INVALID_REQUEST, f"the question cannot be read: {problem}")
            answer_fault(self._core, request, respond, fault)
        except GONE as problem:
            log.warning("monitoring_not_read reason=%s", type(problem).__name__)
            fault = client_fault(Kind.LOGGING_FAILED, "the log cannot be read now; ask again")
            answer_fault(self._core, request, respond, fault)
        except Fault as fault:
            answer_fault(self._core, request, respond, fault)
        else:
            body = json.dumps(content, ensure_ascii=False).encode()
            respond(200, [(b"content-type", b"application/json;charset=utf-8")], body)


async def _records(core: Core, reader: MonitoringReader, query: Query) -> dict[str, Any]:
    del core
    limit = int(query.get("limit", "100"))
    if not 1 <= limit <= LARGEST_PAGE:
        raise ValueError(f"limit is 1 to {LARGEST_PAGE}")
    found = await reader.records(
        Wanted(
            after=int(query.get("after", "0")),
            since=_instant(query.get("from")),
            until=_instant(query.get("to")),
            consumer=query.get("consumer", ""),
            service=query.get("service", ""),
            limit=limit,
        )
    )
    following = found[-1]["id"] if len(found) == limit else None
    return {"records": found, "next": following}


async def _health(core: Core, reader: MonitoringReader, query: Query) -> dict[str, Any]:
    minutes = int(query.get("minutes", "60"))
    if not 1 <= minutes <= 60 * 24 * 31:
        raise ValueError("minutes is 1 to 44640")
    since = core.now() - timedelta(minutes=minutes)
    return {"since": since.isoformat(), "services": await reader.health(since)}


async def _traffic(core: Core, reader: MonitoringReader, query: Query) -> dict[str, Any]:
    today = local_date(core.now())
    first = date.fromisoformat(query["from"]) if "from" in query else today
    last = date.fromisoformat(query["to"]) if "to" in query else today
    if not 0 <= (last - first).days <= _LONGEST_DAYS:
        raise ValueError(f"from and to are days, at most {_LONGEST_DAYS} apart")
    return {
        "node": core.config.node,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "counted_at": core.now().isoformat(),
        "traffic": await reader.traffic(first, last, core.config.node),
    }


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return found


_READINGS: dict[str, Reading] = {"records": _records, "health": _health, "traffic": _traffic}
