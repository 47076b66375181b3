"""`/events/...` on the clients' port. docs/specs/events.md."""

import asyncio
import json
import logging
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from pencere.gateway.delivery.message_pages import DEAD_SHOWN, later, number_of, operator_only
from pencere.gateway.directory.model import Directory
from pencere.gateway.events import types
from pencere.gateway.exchange import core as shared
from pencere.gateway.exchange.core import Core
from pencere.gateway.exchange.identity import identify
from pencere.gateway.wire.faults import Fault, Kind, Side, client_fault
from pencere.kernel.clock import local_date
from pencere.kernel.errors import Conflict
from pencere.kernel.events.payload import read_payload
from pencere.kernel.events.schemas import DIALECT, UnusableSchema
from pencere.kernel.http.message import Request
from pencere.kernel.http.server import Respond

log = logging.getLogger(__name__)
_PREFIX = "/events/"
_JSON = [(b"content-type", b"application/json")]
_LARGEST = 16 * 1024
_LONGEST_KEY = 200
_LONGEST_WAIT_S = 30.0
_MOST = 100
_ACKNOWLEDGED = "/acknowledged"
_SCHEMA = "/schema"
_SCHEMA_JSON = [(b"content-type", b"application/schema+json")]
# <instance>/<class>/<member>/<subsystem>/<name>
_PARTS_OF_TYPE = 5


def handle(core: Core, request: Request, respond: Respond) -> None:
    """Publish an event, read what arrived, acknowledge it, or send a dead one again."""
    path, _, query = request.target.partition("?")
    rest = path.removeprefix(_PREFIX)
    first, _, more = rest.partition("/")
    number = number_of(first) if more == "again" else None
    if not rest or number is not None:
        _for_operator(core, request, respond, number, query)
    else:
        _for_system(core, request, respond, rest, query)


def _for_operator(
    core: Core, request: Request, respond: Respond, number: UUID | None, query: str
) -> None:
    operator_only(core, request)
    if number is not None and request.method == "POST":
        later(core, request, respond, _again(core, number, respond))
    elif number is None and request.method == "GET" and query == "state=dead":
        later(core, request, respond, _dead(core, respond))
    else:
        raise client_fault(Kind.INTERNAL_ERROR, "GET /events/?state=dead, POST /events/<id>/again")


def _for_system(core: Core, request: Request, respond: Respond, rest: str, query: str) -> None:
    directory = core.directory.for_client()
    core.admit(Side.CLIENT)
    client = identify(core, directory, request)
    if len(request.body) > _LARGEST:
        raise client_fault(Kind.MESSAGE_TOO_LARGE, f"an event has at most {_LARGEST} bytes")
    if request.method == "GET" and rest.endswith(_SCHEMA) and rest.count("/") == _PARTS_OF_TYPE:
        respond(200, _SCHEMA_JSON, _schema(directory, rest.removesuffix(_SCHEMA)))
        return
    if request.method == "GET":
        later(core, request, respond, _read(core, client, rest, query, respond))
        return
    if request.method != "POST":
        raise client_fault(Kind.INTERNAL_ERROR, "events are read with GET, published with POST")
    if rest.endswith(_ACKNOWLEDGED):
        number = _object(request.small_body).get("number")
        if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 2**63:
            raise client_fault(Kind.INTERNAL_ERROR, 'a number is needed. Example: {"number": 7}')
        whole = rest.removesuffix(_ACKNOWLEDGED)
        later(core, request, respond, _acknowledge(core, client, whole, number, respond))
        return
    if not types.is_type(rest) or not types.is_registered(directory, client, rest):
        raise client_fault(Kind.UNKNOWN_EVENT, f"{client} has no registered events '{rest[:64]}'")
    key = (request.header(b"idempotency-key") or b"").decode("latin-1")
    if not 0 < len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise client_fault(
            Kind.MISSING_HEADER,
            "Header Idempotency-Key is missing; by it an event that is published twice is known."
            " Example: Idempotency-Key: death-2026-000123",
        )
    facts = shared.circumstances(request.headers, request.values, Side.CLIENT)
    data = _object(request.small_body)
    later(core, request, respond, _publish(core, client, rest, key, facts.person, data, respond))


async def _publish(  # noqa: PLR0913, PLR0917  # an event has many parts
    core: Core,
    client: str,
    name: str,
    key: str,
    person: str,
    data: dict[str, Any],
    respond: Respond,
) -> None:
    now, whole = core.now(), types.whole(client, name)
    directory = core.directory.for_client()
    # What was taken once is taken again, whatever its type states by now.
    misfit = await asyncio.to_thread(_misfit, directory, client, name, data)
    if misfit is not None and not await core.series.is_known(whole, client, key):
        raise misfit
    known = types.subscriptions(directory, client, name, local_date(now))
    try:
        number, identifier = await core.series.publish(
            whole,
            client,
            key,
            person=person,
            data=data,
            at=now,
            subscriptions=[one.key for one in known],
        )
    except Conflict as problem:
        raise client_fault(
            Kind.MESSAGE_CONFLICT, "another event was published under this Idempotency-Key"
        ) from problem
    core.events_wanted.set()
    content = {"type": whole, "number": number, "id": str(identifier)}
    respond(202, _JSON, json.dumps(content).encode())


def _misfit(directory: Directory, publisher: str, name: str, data: dict[str, Any]) -> Fault | None:
    try:
        found = types.misfit(directory, publisher, name, data)
    except UnusableSchema as problem:
        # Not the event's fault: it is asked again until the state register has another schema.
        return client_fault(
            Kind.SERVICE_DISABLED,
            f"events '{name}' are closed: the schema in the directory cannot be used: {problem}",
        )
    if not found:
        return None
    return client_fault(
        Kind.INVALID_REQUEST,
        f"the event does not fit the schema of '{name}': {found}. The schema:"
        f" GET /events/{types.whole(publisher, name)}{_SCHEMA}",
    )


def _schema(directory: Directory, whole: str) -> bytes:
    publisher, _, name = whole.rpartition("/")
    found = types.schema_of(directory, publisher, name)
    if found is None or not types.is_registered(directory, publisher, name):
        raise client_fault(Kind.UNKNOWN_EVENT, f"no events '{name[:64]}' that state a schema")
    return json.dumps({"$schema": DIALECT, **found}).encode()


async def _read(core: Core, client: str, whole: str, query: str, respond: Respond) -> None:
    after, wait_s, since, most = _asked(query)
    until = core.loop.time() + wait_s
    while True:
        found = await core.arrivals.after(client, whole, after, since, most)
        left = until - core.loop.time()
        if found or left <= 0 or core.is_stopping:
            break
        await core.arrivals.wait(min(left, 1.0))
    content = {
        "events": [one.content() for one in found],
        "last": found[-1].number if found else after,
    }
    respond(200, _JSON, json.dumps(content, ensure_ascii=False).encode())


async def _acknowledge(core: Core, client: str, whole: str, number: int, respond: Respond) -> None:
    count = await core.arrivals.acknowledge(client, whole, number, core.now())
    core.metrics.event("acknowledged", count)
    respond(200, _JSON, json.dumps({"number": number, "acknowledged": count}).encode())


async def _dead(core: Core, respond: Respond) -> None:
    rows = await core.arrivals.dead(DEAD_SHOWN)
    respond(200, _JSON, json.dumps({"events": rows}, default=_as_text).encode())


def _as_text(value: UUID | datetime) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


async def _again(core: Core, number: UUID, respond: Respond) -> None:
    subscribers = await core.arrivals.again(number)
    if not subscribers:
        raise client_fault(Kind.UNKNOWN_EVENT, f"{number} is no dead event, or has no content")
    log.info("event_again id=%s subscribers=%s", number, len(subscribers))
    core.pushes_wanted.set()
    content = {"id": str(number), "state": "waiting", "subscribers": subscribers}
    respond(202, _JSON, json.dumps(content, ensure_ascii=False).encode())


def _asked(query: str) -> tuple[int, float, datetime | None, int]:
    try:
        values = parse_qs(query, strict_parsing=bool(query), max_num_fields=5)
        after = int(values.get("after", ["0"])[-1])
        wait_s = min(max(float(values.get("wait", ["0"])[-1]), 0.0), _LONGEST_WAIT_S)
        since = datetime.fromisoformat(values["since"][-1]) if "since" in values else None
        most = min(max(int(values.get("limit", [str(_MOST)])[-1]), 1), _MOST)
        if not 0 <= after < 2**63 or (since is not None and since.tzinfo is None):
            raise ValueError("out of range")  # noqa: TRY301
    except ValueError as problem:
        raise _unreadable() from problem
    return after, wait_s, since, most


def _unreadable() -> Fault:
    return client_fault(
        Kind.INTERNAL_ERROR,
        "the query cannot be read. Example: ?after=41&wait=20, or ?since=2026-11-01T00:00:00Z",
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        return read_payload(body)
    except ValueError as problem:
        raise client_fault(Kind.INTERNAL_ERROR, str(problem)) from problem
