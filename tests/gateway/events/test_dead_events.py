"""Events that their system could not take: the operator lists them and sends them again."""

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.gateway.conftest import PERSON, Answer, Pair, ask, wait_until
from tests.gateway.events.conftest import (
    AS_SUBSCRIBER,
    FAST,
    PUBLISHER,
    SUBSCRIBER,
    node_files,
    publish,
    read,
)

OPERATOR = [("Pencere-Operator-Key", "key-of-the-operator")]


def states(pair: Pair, name: str) -> list[tuple[Any, ...]]:
    return pair.rows(
        0,
        f"select state, reason from gateway.event_inbox where type like '%{name}' order by number",
    )


def dead(pair: Pair, name: str) -> list[dict[str, Any]]:
    listed = ask(pair.ports[0], "GET", "/events/?state=dead", OPERATOR).json["events"]
    return [one for one in listed if one["type"] == f"{PUBLISHER}/{name}"]


def again(pair: Pair, number: str, key: list[tuple[str, str]] | None = None) -> Answer:
    return ask(pair.ports[0], "POST", f"/events/{number}/again", key or OPERATOR, b"")


def gauge(pair: Pair, line: str) -> float:
    text = ask(pair.ports[0], "GET", "/metrics").body.decode()
    (value,) = [one.split()[-1] for one in text.splitlines() if one.startswith(f"{line} ")]
    return float(value)


@pytest.fixture
def poison(pair: Pair, name: str) -> str:
    """The number of an event that was set aside."""
    node_files(pair, push=True)
    pair.start(delivery=FAST)
    pair.upstream.responds = {"status": 422, "body": ""}
    number: str = publish(pair, name, "poison").json["id"]
    wait_until(lambda: states(pair, name) == [("dead", "status 422")])
    return number


def test_a_dead_event_is_listed_without_what_it_says(pair: Pair, name: str, poison: str) -> None:
    (listed,) = dead(pair, name)
    assert (listed["id"], listed["subscriber"], listed["publisher"], listed["number"]) == (
        poison,
        SUBSCRIBER,
        PUBLISHER,
        1,
    )
    assert (listed["attempts"], listed["reason"]) == (3, "status 422")
    assert listed["ended_at"]
    assert PERSON not in json.dumps(listed)
    assert "baku" not in json.dumps(listed)


def test_a_dead_event_sent_again_reaches_its_system_under_the_same_key(
    pair: Pair,
    name: str,
    poison: str,
) -> None:
    pair.upstream.responds = {"status": 204}
    answer = again(pair, poison)
    told = {"id": poison, "state": "waiting", "subscribers": [SUBSCRIBER]}
    assert (answer.status, answer.json) == (202, told)
    wait_until(lambda: states(pair, name) == [("acknowledged", "")])
    assert dead(pair, name) == []
    keys = {one.header("Idempotency-Key") for one in pair.upstream.calls}
    assert keys == {poison}
    assert again(pair, poison).status == 404


def test_a_dead_event_that_is_refused_again_has_all_its_attempts_and_is_dead_again(
    pair: Pair,
    name: str,
    poison: str,
) -> None:
    pair.upstream.responds = {"status": 409, "body": ""}
    assert again(pair, poison).status == 202
    wait_until(lambda: states(pair, name) == [("dead", "status 409")])
    assert dead(pair, name)[0]["attempts"] == 3


def test_dead_events_are_the_operators_business(pair: Pair, name: str, poison: str) -> None:
    for key in ([("Pencere-Operator-Key", "wrong")], AS_SUBSCRIBER):
        assert again(pair, poison, key).status == 401
        assert ask(pair.ports[0], "GET", "/events/?state=dead", key).status == 401
    for method, path in (
        ("GET", "/events/"),
        ("GET", "/events/?state=waiting"),
        ("POST", "/events/?state=dead"),
        ("GET", f"/events/{poison}/again"),
    ):
        assert ask(pair.ports[0], method, path, OPERATOR, b"").status == 400
    assert again(pair, "00000000-0000-4000-8000-000000000000").status == 404
    assert states(pair, name) == [("dead", "status 422")]


def test_a_dead_event_without_content_stays_dead(pair: Pair, name: str, poison: str) -> None:
    loop, node = pair.loop, pair.node(0)
    loop.call(node.core.arrivals.drop(node.core.now() + timedelta(seconds=1)))
    assert again(pair, poison).status == 404
    assert states(pair, name) == [("dead", "status 422")]


def test_metrics_tell_what_waits_what_is_dead_and_for_how_long(
    pair: Pair,
    name: str,
    poison: str,
) -> None:
    del poison
    assert gauge(pair, 'gateway_events_total{outcome="dead"}') == 1
    assert gauge(pair, 'gateway_events_total{outcome="retried"}') == 2
    wait_until(lambda: gauge(pair, "gateway_events_dead") >= 1)
    pair.upstream.responds = {"status": 503, "body": ""}
    publish(pair, name, "waits")
    wait_until(lambda: gauge(pair, "gateway_events_waiting") >= 1)
    pair.clocks[0].advance(timedelta(seconds=60))
    wait_until(lambda: gauge(pair, "gateway_events_oldest_seconds") >= 60)
    pair.upstream.responds = {"status": 204}
    wait_until(lambda: gauge(pair, 'gateway_events_total{outcome="acknowledged"}') == 1)
    assert read(pair, name)["events"][1]["state"] == "acknowledged"
