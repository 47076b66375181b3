"""Events: told to the node by who publishes them, read by who subscribed. docs/specs/events.md."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pencere.client.request import Answer, Call
from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Invalid


@dataclass(frozen=True, slots=True)
class Event:
    """An event. `number` counts within a subscription: what was read twice is known by it."""

    number: int
    id: str
    occurred_at: str
    publisher: str
    person: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Published:
    """What the publisher's node says: it will be told to all who subscribed."""

    type: str
    number: int
    id: str


def publish(type_: str, data: Mapping[str, Any], *, key: str, person: str = "") -> Call:
    """Return the request that tells an event; the same `key` tells it once."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    if person:
        headers["Pencere-Person"] = person
    return Call("POST", _target(type_), headers, canonical_json(data), "", may_repeat=True)


def after(type_: str, number: int, *, wait_s: int, limit: int) -> Call:
    """Return the question for what came after a number; waits so long for the first."""
    target = f"{_target(type_)}?after={number}&wait={wait_s}&limit={limit}"
    return Call("GET", target, {}, None, "", may_repeat=True)


def acknowledge(type_: str, number: int) -> Call:
    """Return the request that says: all up to this number is done."""
    headers = {"Content-Type": "application/json"}
    body = canonical_json({"number": number})
    return Call("POST", f"{_target(type_)}/acknowledged", headers, body, "", may_repeat=True)


def read_published(answer: Answer) -> Published:
    """Read the answer.

    Raises:
        Invalid: `answer.form`.
    """
    try:
        value = json.loads(answer.body)
        return Published(str(value["type"]), int(value["number"]), str(value["id"]))
    except (ValueError, KeyError, TypeError) as problem:
        raise Invalid("answer.form", asked="events", status=answer.status) from problem


def read(answer: Answer) -> tuple[Event, ...]:
    """Read the events, in order.

    Raises:
        Invalid: `answer.form`.
    """
    try:
        return tuple(
            Event(
                number=int(one["number"]),
                id=str(one["id"]),
                occurred_at=str(one["occurred_at"]),
                publisher=str(one["publisher"]),
                person=str(one.get("person") or ""),
                data=dict(one["data"]),
            )
            for one in json.loads(answer.body)["events"]
        )
    except (ValueError, KeyError, TypeError) as problem:
        raise Invalid("answer.form", asked="events", status=answer.status) from problem


def _target(type_: str) -> str:
    # The whole name of a type, an identifier, stands in the address as it is written.
    return f"/events/{quote(type_, safe='/%')}"
