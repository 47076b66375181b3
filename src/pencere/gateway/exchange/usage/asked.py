"""What is asked of `findUsage`, in the three forms it is asked in. docs/specs/usage.md.

own    POST, JSON body: offset, limit, before, exchange
v2     GET /v2/findUsage, v3 GET /v3/findUsage: Estonia's data tracker, 2.0.0 and 3.0.0-rc.3
"""

import json
from datetime import datetime
from enum import Enum
from urllib.parse import parse_qsl
from uuid import UUID

from pencere.gateway.log.usage import Wanted
from pencere.gateway.wire.actors import fin_of
from pencere.gateway.wire.identifiers import ServiceTarget
from pencere.kernel.clock import BAKU

_LARGEST_PAGE = 100
_USUAL_PAGE = 50
# The data tracker's own usual page; larger ones are answered with the largest that this node gives.
_TRACKER_PAGE = 1000
_TRACKER_LARGEST = 10_000
_LARGEST_OFFSET = 1_000_000
_KINDS = frozenset({"DATA_REQUEST", "DATA_RESPONSE", "DATA_PROCESSING", "INTERNAL_PROCESSING"})


class Form(Enum):
    """In which form is asked and answered."""

    OWN = "own"
    V2 = "v2"
    V3 = "v3"


class Wish(Enum):
    """What is asked for."""

    USAGES = "findUsage"
    PERIOD = "usagePeriod"
    HEARTBEAT = "heartbeat"
    DISCLOSE = "disclose"


def form_of(method: str, target: ServiceTarget) -> tuple[Form, Wish]:
    """Return the form and the wish.

    Raises:
        ValueError: there is no such call.
    """
    pieces = target.path.strip("/").split("/")
    if method == "POST" and pieces in ([""], ["v1", "findUsage"]):
        return Form.OWN, Wish.USAGES
    if len(pieces) == 2 and pieces[0] in {"v2", "v3"}:
        form, wish = Form(pieces[0]), Wish(pieces[1])
        expected = "POST" if wish is Wish.DISCLOSE else "GET"
        is_there = {
            Wish.PERIOD: form is Form.V2,
            Wish.DISCLOSE: form is Form.V3,
        }.get(wish, True)
        if method == expected and is_there:
            return form, wish
    raise ValueError("no such call")


def wanted_of(form: Form, target: ServiceTarget, body: bytes) -> Wanted:
    """Return which accesses are asked for.

    Raises:
        ValueError: not in the form that was agreed.
    """
    return _of_body(body) if form is Form.OWN else _of_query(form, target.query)


def _of_body(body: bytes) -> Wanted:
    content = json.loads(body) if body else {}
    if not isinstance(content, dict):
        raise ValueError("not an object")  # noqa: TRY004
    limit, offset = content.get("limit", _USUAL_PAGE), content.get("offset", 0)
    if not (type(limit) is int and type(offset) is int):
        raise ValueError("not whole numbers")
    if not (1 <= limit <= _LARGEST_PAGE and 0 <= offset <= _LARGEST_OFFSET):
        raise ValueError("out of range")
    before, exchange = content.get("before"), content.get("exchange")
    return Wanted(
        limit,
        offset,
        before=None if before is None else _instant(str(before), needs_offset=True),
        exchange=None if exchange is None else UUID(str(exchange)),
    )


def _of_query(form: Form, query: str) -> Wanted:
    pairs = parse_qsl(query.removeprefix("?"), keep_blank_values=True, strict_parsing=bool(query))
    given: dict[str, str] = {}
    kinds: set[str] = set()
    systems = 0
    for name, value in pairs:
        if form is Form.V3 and name == "processingType":
            kinds.add(value)
        elif form is Form.V3 and name == "logSourceSystems":
            systems += 1
        elif name in given:
            raise ValueError(f"{name} twice")
        else:
            given[name] = value
    if kinds - _KINDS:
        raise ValueError("unknown processingType")
    limit = int(given.get("limit", str(_TRACKER_PAGE)))
    offset = int(given.get("offset", "0"))
    if not (1 <= limit <= _TRACKER_LARGEST and 0 <= offset <= _LARGEST_OFFSET):
        raise ValueError("out of range")
    start, end = given.get("periodStart"), given.get("periodEnd")
    return Wanted(
        limit=limit,
        offset=offset,
        since=None if start is None else _instant(start, needs_offset=False),
        before=None if end is None else _instant(end, needs_offset=False),
        person=fin_of(given["userCode"]) if "userCode" in given else "",
        # A node knows what a service answered and nothing else; it is one system's log, unnamed.
        is_nothing=bool(kinds and "DATA_RESPONSE" not in kinds) or systems > 0,
    )


def _instant(text: str, *, needs_offset: bool) -> datetime:
    # "+" of an offset that was not encoded arrives as a blank.
    instant = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    if instant.tzinfo is None:
        if needs_offset:
            raise ValueError("an instant needs an offset")
        # The tracker's own examples have none; times are Baku's then, as the person reads them.
        instant = instant.replace(tzinfo=BAKU)
    if not 2000 <= instant.year < 9999:
        raise ValueError("an instant lies in this era")
    return instant
