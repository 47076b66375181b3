"""Events: numbered once, delivered to each subscription in order, taken once, seen by no other."""

import json
import threading
import time

from tests.gateway.conftest import OTHER_PERSON, PERSON, Pair, ask, wait_until
from tests.gateway.events.conftest import (
    AS_SUBSCRIBER,
    FAST,
    PUBLISHER,
    acknowledge,
    node_files,
    numbers,
    publish,
    read,
    subscription,
)

from pencere.gateway.delivery_settings import DeliverySettings


def test_an_event_reaches_its_subscriber_with_no_more_than_it_may_see(
    pair: Pair, name: str
) -> None:
    pair.start(delivery=FAST)
    answer = publish(pair, name, "k1")
    assert (answer.status, answer.json["number"]) == (202, 1)
    found = read(pair, name, "?after=0&wait=5")
    event = found["events"][0]
    assert found["last"] == 1
    assert (event["id"], event["person"], event["data"]) == (
        answer.json["id"],
        PERSON,
        {"region": "baku"},
    )
    assert acknowledge(pair, name, 1) == {"number": 1, "acknowledged": 1}
    assert acknowledge(pair, name, 1) == {"number": 1, "acknowledged": 0}
    state = read(pair, name)["events"][0]["state"]
    assert (state, numbers(pair, name, "?after=1")) == ("acknowledged", [])
    leaf = pair.rows(
        0,
        "select agreement, person_digest is not null from gateway.request"
        f" where side = 'provider' and agreement = 's-{name}'",
    )
    assert leaf == [(f"s-{name}", True)]
    receipts = (
        "select kind from gateway.message_receipt r join gateway.message m using (receipt)"
        f" where m.ordering = 'event s-{name}/{name}' order by r.seq"
    )
    wait_until(lambda: pair.rows(1, receipts) == [("accepted",), ("delivered",)])


def test_the_same_event_twice_has_one_number_and_another_under_its_key_is_refused(
    pair: Pair, name: str
) -> None:
    pair.start(delivery=FAST)
    first, again = publish(pair, name, "k1"), publish(pair, name, "k1")
    assert first.json == again.json
    assert publish(pair, name, "k1", {"region": "gence"}).status == 409
    assert publish(pair, name, "k2", person=OTHER_PERSON).json["number"] == 2
    wait_until(lambda: numbers(pair, name) == [1, 2])


def test_what_is_not_registered_or_unreadable_is_not_published(pair: Pair, name: str) -> None:
    pair.start(delivery=FAST)
    assert publish(pair, "unknown", "k1").status == 404
    assert publish(pair, "../x", "k1").status == 404
    assert publish(pair, name, "").status == 400
    assert publish(pair, name, "k1", {"big": "x" * 20_000}).status == 413
    assert publish(pair, name, "k1", person="nobody").status == 400
    stranger = [("X-Road-Client", PUBLISHER), ("Pencere-Client-Key", "wrong")]
    assert ask(pair.ports[1], "POST", f"/events/{name}", stranger, b"{}").status == 401
    for body in (b"[]", b"{", b'{"number": true}', b'{"number": 0}'):
        path = f"/events/{PUBLISHER}/{name}/acknowledged"
        assert ask(pair.ports[0], "POST", path, AS_SUBSCRIBER, body).status == 400
    for query in ("?after=-1", "?after=x", "?since=yesterday", "?wait=nan&after=1e9"):
        path = f"/events/{PUBLISHER}/{name}{query}"
        assert ask(pair.ports[0], "GET", path, AS_SUBSCRIBER).status == 400


def test_events_wait_for_a_subscriber_that_is_down_and_come_in_order(pair: Pair, name: str) -> None:
    pair.start(1, delivery=FAST)
    for at in range(5):
        publish(pair, name, f"k{at}")
    pair.stop(1)
    pair.start(delivery=FAST)
    wait_until(lambda: numbers(pair, name) == [1, 2, 3, 4, 5])
    order = f"select number from gateway.event_inbox where type like '%{name}' order by received_at"
    assert pair.rows(0, order) == [(at,) for at in range(1, 6)]


def test_a_subscription_begins_with_its_start_and_ends_at_once(pair: Pair, name: str) -> None:
    pair.publish(2, agreements=[])
    pair.start(delivery=FAST)
    publish(pair, name, "before")
    pair.publish(3)
    wait_until(lambda: pair.version(0) == pair.version(1) == 3)
    publish(pair, name, "during")
    wait_until(lambda: numbers(pair, name) == [2])
    pair.publish(4, agreements=[])
    wait_until(lambda: pair.version(0) == pair.version(1) == 4)
    publish(pair, name, "after")
    time.sleep(0.5)
    assert numbers(pair, name) == [2]


def test_a_subscription_that_the_subscribers_node_does_not_know_yet_loses_no_event(
    pair: Pair, name: str
) -> None:
    pair.publish(2, to=(0,), agreements=[])
    pair.start(delivery=FAST)
    publish(pair, name, "k1")
    tried = (
        "select state, fault from gateway.message"
        f" where ordering = 'event s-{name}/{name}' and attempts > 1"
    )
    refused = [("waiting", "server.serverproxy.access_denied")]
    wait_until(lambda: pair.rows(1, tried) == refused)
    pair.publish(3)
    wait_until(lambda: numbers(pair, name) == [1])


def test_a_long_poll_is_answered_when_the_event_comes(pair: Pair, name: str) -> None:
    pair.start(delivery=FAST)
    threading.Timer(0.5, lambda: publish(pair, name, "k1")).start()
    assert numbers(pair, name, "?after=0&wait=10") == [1]


def test_events_are_pushed_and_one_that_cannot_be_taken_is_set_aside(pair: Pair, name: str) -> None:
    node_files(pair, push=True)
    pair.start(delivery=FAST)
    pair.upstream.responds = {"status": 422, "body": ""}
    publish(pair, name, "poison")
    states = (
        f"select state, reason from gateway.event_inbox where type like '%{name}' order by number"
    )
    wait_until(lambda: pair.rows(0, states) == [("dead", "status 422")])
    pair.upstream.responds = {"status": 204}
    publish(pair, name, "good")
    wait_until(lambda: len(pair.rows(0, states)) == 2 and pair.rows(0, states)[1][0] != "waiting")
    assert pair.rows(0, states) == [("dead", "status 422"), ("acknowledged", "")]
    call = [one for one in pair.upstream.calls if one.target == f"/{name}"][-1]
    event = json.loads(call.body)
    assert (call.target, event["number"], event["data"]) == (f"/{name}", 2, {"region": "baku"})
    assert call.header("Idempotency-Key") == event["id"]
    assert call.header("Authorization") == "Bearer push"


def test_a_system_that_is_away_loses_nothing(pair: Pair, name: str) -> None:
    node_files(pair, push=True)
    pair.start(delivery=FAST)
    pair.upstream.responds = {"status": 503, "body": ""}
    publish(pair, name, "k1")
    wait_until(lambda: len(pair.upstream.calls) > 4)
    pair.upstream.responds = {"status": 200, "body": ""}
    state = f"select state from gateway.event_inbox where type like '%{name}'"
    wait_until(lambda: pair.rows(0, state) == [("acknowledged",)])


def test_an_event_reaches_every_one_of_a_hundred_subscriptions(pair: Pair, name: str) -> None:
    many = [subscription(name, id=f"s-{name}-{at}") for at in range(100)]
    pair.publish(2, agreements=many)
    pair.start(1, delivery=FAST)
    publish(pair, name, "k1")
    handed = f"select count(*) from gateway.message where ordering like 'event s-{name}-%'"
    wait_until(lambda: pair.rows(1, handed) == [(100,)], timeout_s=60)


def test_a_backlog_is_bounded_and_what_is_behind_it_waits_in_the_series(
    pair: Pair, name: str
) -> None:
    bounded = DeliverySettings(first_s=5.0, longest_s=5.0, look_s=0.1, most_of_subscription=2)
    pair.start(1, delivery=bounded)
    for at in range(4):
        publish(pair, name, f"k{at}")
    waiting = f"select count(*) from gateway.message where ordering = 'event s-{name}/{name}'"
    wait_until(lambda: pair.rows(1, waiting) == [(2,)])
    time.sleep(0.5)
    assert pair.rows(1, waiting) == [(2,)]


def test_nothing_of_a_person_lies_open_in_the_database(pair: Pair, name: str) -> None:
    pair.start(delivery=FAST)
    publish(pair, name, "k1", {"region": "very-secret"})
    wait_until(lambda: numbers(pair, name) == [1])
    for at, table in ((1, "event"), (1, "message"), (0, "event_inbox")):
        rows = pair.rows(at, f"select t::text from gateway.{table} t")
        assert rows
        assert not any(PERSON in text or b"very-secret".hex() in text for (text,) in rows)
