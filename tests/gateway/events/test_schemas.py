"""An event type that states a JSON Schema takes no event that does not fit it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.conftest import PERSON, Pair, ask, wait_until
from tests.gateway.events.conftest import (
    AS_SUBSCRIBER,
    FAST,
    PUBLISHER,
    PUBLISHER_KEY,
    SUBSCRIBER,
    numbers,
    publish,
)

from pencere.kernel.events.payload import check_payload, read_payload
from pencere.kernel.events.schemas import DIALECT, EventSchema, UnusableSchema

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["region"],
    "additionalProperties": False,
    "properties": {
        "region": {"type": "string", "maxLength": 10},
        "since": {"type": "string", "format": "date"},
        "kind": {"enum": ["permanent", "temporary"]},
    },
}


def state_schema(pair: Pair, name: str, schema: object, version: int = 2) -> None:
    services = [{**pair.changes["services"][0], "schemas": {name: schema}}]
    pair.publish(version, services=services)


def nested(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels - 1):
        found = {"a": found}
    return found


def test_an_event_that_fits_is_taken_and_one_that_does_not_is_refused_with_the_place(
    pair: Pair, name: str
) -> None:
    state_schema(pair, name, SCHEMA)
    pair.start(delivery=FAST)
    assert publish(pair, name, "k1", {"region": "baku", "since": "2026-11-01"}).status == 202
    refused = publish(pair, name, "k2", {"region": "of-person-5KQ2R7A"})
    assert (refused.status, refused.header("X-Road-Error")) == (
        400,
        "server.clientproxy.invalid_request",
    )
    assert refused.json["message"] == (
        f"the event does not fit the schema of '{name}':"
        " /properties/region/maxLength demands 10."
        f" The schema: GET /events/{PUBLISHER}/{name}/schema"
    )
    for data in ({"since": "2026-11-01"}, {"region": 7}, {"region": "baku", "x": 1}):
        assert publish(pair, name, "k2", data).status == 400
    # What was refused has taken no number.
    assert publish(pair, name, "k2", {"region": "gence"}).json["number"] == 2
    wait_until(lambda: numbers(pair, name) == [1, 2])


def test_a_subscriber_reads_the_schema_at_its_own_node(pair: Pair, name: str) -> None:
    state_schema(pair, name, SCHEMA)
    pair.start(delivery=FAST)
    path = f"/events/{PUBLISHER}/{name}/schema"
    answer = ask(pair.ports[0], "GET", path, AS_SUBSCRIBER)
    assert (answer.status, answer.json) == (200, {"$schema": DIALECT, **SCHEMA})
    assert answer.header("Content-Type") == "application/schema+json"
    assert ask(pair.ports[0], "GET", path, AS_SUBSCRIBER[:1]).status == 401
    other = f"/events/{PUBLISHER}/unknown/schema"
    assert ask(pair.ports[0], "GET", other, AS_SUBSCRIBER).status == 404


def test_a_type_without_schema_takes_what_it_took_and_has_none_to_read(
    pair: Pair, name: str
) -> None:
    pair.start(delivery=FAST)
    assert publish(pair, name, "k1", {"anything": [1, {}]}).status == 202
    path = f"/events/{PUBLISHER}/{name}/schema"
    assert ask(pair.ports[0], "GET", path, AS_SUBSCRIBER).status == 404


def test_an_event_that_was_taken_stays_taken_when_the_schema_changes(pair: Pair, name: str) -> None:
    pair.start(delivery=FAST)
    first = publish(pair, name, "k1", {"region": "a-long-name-of-a-region"})
    state_schema(pair, name, SCHEMA)
    wait_until(lambda: pair.version(1) == 2)
    again = publish(pair, name, "k1", {"region": "a-long-name-of-a-region"})
    assert (again.status, again.json) == (202, first.json)
    assert publish(pair, name, "k2", {"region": "a-long-name-of-a-region"}).status == 400
    assert publish(pair, name, "k1", {"region": "another-long-name"}).status == 409


def test_a_schema_that_cannot_be_used_closes_its_type_and_no_other(pair: Pair, name: str) -> None:
    service = pair.changes["services"][0]
    endpoints = [*service["endpoints"], ["EVENT", f"/{name}-b"]]
    schemas = {name: {"$ref": "http://127.0.0.1:1/schema"}}
    pair.publish(2, services=[{**service, "endpoints": endpoints, "schemas": schemas}])
    pair.start(delivery=FAST)
    refused = publish(pair, name, "k1")
    assert (refused.status, refused.header("X-Road-Error")) == (
        503,
        "server.clientproxy.service_disabled",
    )
    assert refused.json["message"] == (
        f"events '{name}' are closed: the schema in the directory cannot be used:"
        " /$ref is not taken in a schema of events"
    )
    assert publish(pair, f"{name}-b", "k1").status == 202


HOSTILE = {
    "half a character": rb'{"region": "\ud800"}',
    "half a character as a name": rb'{"\udfff": 1}',
    "a number that is none": b'{"region": NaN}',
    "a number without end": b'{"region": 1e999}',
    "a number of many digits": b'{"region": %s}' % (b"9" * 5000),
    "nested without end": b'{"a":' * 2000,
    "nested deep": json.dumps(nested(33)).encode(),
    "nested deep in lists": b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}",
    "an array": b"[]",
    "not UTF-8": b'{"region": "\xff"}',
    "nothing": b"",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_a_reader_would_choke_on_is_not_published(body: bytes, pair: Pair, name: str) -> None:
    """One such event would otherwise stand in the way of all events of the node."""
    pair.start(1, delivery=FAST)
    given = [
        ("X-Road-Client", PUBLISHER),
        ("Pencere-Client-Key", PUBLISHER_KEY),
        ("Idempotency-Key", "k1"),
        ("Pencere-Person", PERSON),
    ]
    assert ask(pair.ports[1], "POST", f"/events/{name}", given, body).status == 400
    assert publish(pair, name, "k2").json["number"] == 1


def test_what_a_reader_would_choke_on_is_not_taken_from_another_node_either(
    pair: Pair, name: str
) -> None:
    pair.start(0, delivery=FAST)
    core = pair.node(0).core
    said = {
        "type": f"{PUBLISHER}/{name}",
        "number": 1,
        "id": "00000000-0000-4000-8000-000000000001",
        "occurred_at": core.now().isoformat(),
        "subscription": f"s-{name}",
    }
    for data in ({"region": "\ud800"}, {"a": float("inf")}, nested(33)):
        adding = core.arrivals.add(
            subscriber=SUBSCRIBER,
            publisher=PUBLISHER,
            exchange="00000000-0000-4000-8000-000000000002",
            said=said | {"data": data},
            person="",
            at=core.now(),
        )
        with pytest.raises(ValueError, match=r"half a character|none that JSON has|nested"):
            pair.loop.call(adding)
    assert numbers(pair, name) == []


def test_a_body_that_is_no_event_is_refused_whatever_is_asked(pair: Pair, name: str) -> None:
    pair.start(0, delivery=FAST)
    path = f"/events/{PUBLISHER}/{name}/acknowledged"
    large = b" " * (2 * 1024 * 1024)
    assert ask(pair.ports[0], "POST", path, AS_SUBSCRIBER, large).status == 413


UNUSABLE: dict[str, Any] = {
    "fetched": {"$ref": "https://example.org/schema"},
    "its own": {"$ref": "#"},
    "dynamic": {"$dynamicRef": "#x"},
    "named": {"$id": "https://example.org/"},
    "a pattern": {"properties": {"a": {"pattern": "(a+)+$"}}},
    "names by pattern": {"patternProperties": {"(a+)+$": {}}},
    "unlike each other": {"items": {"uniqueItems": True}},
    "a keyword that is none": {"maxlength": 3},
    "another dialect": {"$schema": "http://json-schema.org/draft-04/schema#"},
    "no such type": {"type": "text"},
    "a size that is none": {"properties": {"a": {"maxLength": "10"}}},
    "a format that is unknown": {"format": "regex"},
    "a format that is no name": {"format": ["date"]},
    "no schema within": {"properties": {"a": 1}},
    "properties that are none": {"properties": []},
    "choices that are none": {"anyOf": {}},
    "many": {"enum": list(range(501))},
    "large": {"description": "x" * 17_000},
    "deep": {"not": {"not": {"not": {"not": nested(20)}}}},
    "deeper than it seems": {"const": nested(40)},
    "half a character": {"const": "\ud800"},
    "levels": json.loads('{"not":' * 17 + "{}" + "}" * 17),
}


@pytest.mark.parametrize("stated", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_schema_by_which_nothing_can_be_checked_is_not_used(stated: Any) -> None:
    with pytest.raises(UnusableSchema):
        EventSchema(stated)


def of_a(**said: Any) -> dict[str, Any]:
    return {"properties": {"a": said}}


NO_DATE = '/properties/a/format demands "date"'
NO_INSTANT = '/properties/a/format demands "date-time"'
FITS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (of_a(type="integer"), {"a": 1}, ""),
    (of_a(type="integer"), {"a": True}, '/properties/a/type demands "integer"'),
    ({"required": ["a"]}, {}, '/required demands ["a"]'),
    (of_a(format="date"), {"a": "2026-11-30"}, ""),
    (of_a(format="date"), {"a": "2026-11-31"}, NO_DATE),
    (of_a(format="date"), {"a": "20261130"}, NO_DATE),
    (of_a(format="date-time"), {"a": "2026-11-30T10:00:00Z"}, ""),
    (of_a(format="date-time"), {"a": "2026-11-30T10:00:00"}, NO_INSTANT),
    (of_a(format="uuid"), {"a": "x"}, '/properties/a/format demands "uuid"'),
    (of_a(maximum=9), {"a": 10**400}, "/properties/a/maximum demands 9"),
    (of_a(items={"anyOf": [{"const": 1}, {"const": "x"}]}), {"a": [1, "x"]}, ""),
    ({"propertyNames": {"maxLength": 1}}, {"ab": 1}, "/propertyNames/maxLength demands 1"),
    ({}, {"a": [0] * 500}, "an event whose type states a schema has at most 500 values"),
    ({"enum": ["x" * 200]}, {}, "/enum demands " + '["' + "x" * 98 + "..."),
]


@pytest.mark.parametrize(("stated", "data", "misfit"), FITS)
def test_what_does_not_fit_is_said_in_words_of_the_schema(
    stated: dict[str, Any], data: dict[str, Any], misfit: str
) -> None:
    assert EventSchema(stated).misfit(data) == misfit


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_what_is_taken_can_be_written_again(data: dict[str, Any]) -> None:
    try:
        check_payload(data)
    except ValueError:
        return
    written = json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    assert read_payload(written) == data


@given(VALUES)
def test_whatever_is_stated_is_a_schema_or_refused(stated: Any) -> None:
    try:
        schema = EventSchema({"properties": {"a": stated}})
    except UnusableSchema:
        return
    assert isinstance(schema.misfit({"a": 1}), str)
