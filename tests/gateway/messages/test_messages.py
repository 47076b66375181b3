"""Messages that must arrive: nothing is lost, nothing is done twice."""

import base64
import json
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.gateway.conftest import CLIENT_KEY, SERVICE, Answer, Pair, ask, headers, wait_until

from pencere.gateway.delivery_settings import LARGEST_MESSAGE, DeliverySettings
from pencere.gateway.messages.receipts import Receipt, is_signed
from pencere.gateway.node_file import write_node_file
from pencere.kernel.errors import Misconfigured

SPEED = {"first_s": 0.05, "longest_s": 0.2, "look_s": 0.1}
FAST = DeliverySettings(**SPEED)
PATH = SERVICE.replace("/r1/", "/messages/") + "/query"
OPERATOR = [("Pencere-Operator-Key", "key-of-the-operator")]


@pytest.fixture(autouse=True)
def _operator(pair: Pair) -> None:
    write_node_file(
        pair.folder / "0.json",
        clients={"AZ/GOV/idda/portal": CLIENT_KEY},
        services={},
        operators={"mia": "key-of-the-operator"},
    )


def hand_over(
    pair: Pair, number: str, body: bytes = b'{"say": 1}', *more: tuple[str, str]
) -> Answer:
    given = [*headers(), ("X-Road-Id", f"{pair.folder.name}-{number}"), *more]
    return ask(pair.ports[0], "POST", PATH, given, body)


def told(pair: Pair, receipt: str) -> Any:
    return ask(pair.ports[0], "GET", f"/messages/{receipt}", headers()).json


def state(pair: Pair, receipt: str) -> str:
    return str(told(pair, receipt)["state"])


def kinds(content: Any) -> list[str]:
    return [one["kind"] for one in content["receipts"]]


def lines(statement: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in statement.splitlines()[1:])


def test_a_message_is_delivered_with_receipts_that_hold_and_the_answer(pair: Pair) -> None:
    pair.start(delivery=FAST)
    pair.upstream.responds = {"status": 201, "body": "made", "headers": [["X-Made", "1"]]}
    answer = hand_over(pair, "1")
    receipt = answer.json["receipt"]
    assert (answer.status, answer.header("Location")) == (202, f"/messages/{receipt}")
    wait_until(lambda: state(pair, receipt) == "delivered")
    found = told(pair, receipt)
    assert kinds(found) == ["accepted", "delivered"]
    assert found["answer"]["status"] == 201
    assert base64.b64decode(found["answer"]["body"]) == b"made"
    key = pair.keys[0].certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    for one in found["receipts"]:
        kept = Receipt(
            one["kind"],
            one["statement"],
            bytes.fromhex(one["certificate"]),
            base64.b64decode(one["signature"]),
        )
        assert is_signed(kept, key)
        forged = one["statement"].replace("GOV/idda", "GOV/dyp")
        assert not is_signed(Receipt("", forged, kept.certificate, kept.signature), key)
    assert lines(found["receipts"][1]["statement"])["exchange"] == found["exchange"]
    assert pair.rows(
        1, f"select count(*) from gateway.request where exchange = '{found['exchange']}'"
    ) == [(1,)]
    call = pair.upstream.calls[0]
    assert call.header("Idempotency-Key") == f"{pair.folder.name}-1"
    assert call.header("Pencere-Message") is None


def test_the_same_message_twice_is_one_and_another_under_its_id_is_refused(pair: Pair) -> None:
    pair.start(delivery=FAST)
    first = hand_over(pair, "1")
    again = hand_over(pair, "1")
    other = hand_over(pair, "1", b'{"say": 2}')
    assert again.json["receipt"] == first.json["receipt"]
    assert other.status == 409
    wait_until(lambda: state(pair, first.json["receipt"]) == "delivered")
    assert len(pair.upstream.calls) == 1


def test_a_request_without_right_id_or_method_is_not_taken_over(pair: Pair) -> None:
    pair.start(delivery=FAST)
    number = ("X-Road-Id", "x-1")
    assert ask(pair.ports[0], "POST", PATH, headers(), b"{}").status == 400
    assert ask(pair.ports[0], "GET", PATH, [*headers(), number]).status == 400
    assert ask(pair.ports[0], "POST", PATH, [*headers(purpose="spy"), number], b"{}").status == 403
    assert ask(pair.ports[0], "POST", PATH, [*headers(key="wrong"), number], b"{}").status == 401
    for header in (("Pencere-Deliver-Within", "-1"), ("Pencere-Order", "a\x01")):
        assert ask(pair.ports[0], "POST", PATH, [*headers(), number, header], b"{}").status == 400
    assert pair.upstream.calls == []


def test_a_service_that_says_no_ends_it_and_one_that_fails_is_asked_again(pair: Pair) -> None:
    pair.start(delivery=FAST)
    pair.upstream.responds = {"status": 422, "body": "no"}
    refused = hand_over(pair, "no").json["receipt"]
    wait_until(lambda: state(pair, refused) == "refused")
    assert told(pair, refused)["answer"]["status"] == 422
    pair.upstream.responds = {"status": 503, "body": ""}
    tried = hand_over(pair, "later").json["receipt"]
    wait_until(lambda: told(pair, tried)["attempts"] >= 3)
    pair.upstream.responds = {"status": 200, "body": "ok"}
    wait_until(lambda: state(pair, tried) == "delivered")
    keys = {call.header("Idempotency-Key") for call in pair.upstream.calls[1:]}
    assert keys == {f"{pair.folder.name}-later"}


def test_a_peer_that_is_down_gets_it_later_and_the_sender_may_restart_meanwhile(pair: Pair) -> None:
    pair.start(0, delivery=FAST)
    receipt = hand_over(pair, "1").json["receipt"]
    wait_until(lambda: told(pair, receipt)["attempts"] >= 2)
    pair.stop(0)
    pair.start(delivery=FAST)
    wait_until(lambda: state(pair, receipt) == "delivered")
    assert len(pair.upstream.calls) == 1


def test_an_answer_that_is_lost_is_not_done_twice(pair: Pair) -> None:
    """The service did it, the provider's node remembered it, the sender never heard."""
    pair.start(delivery=FAST)
    receipt = hand_over(pair, "1").json["receipt"]
    wait_until(lambda: state(pair, receipt) == "delivered")
    pair.stop(0)
    with_superuser(
        pair,
        "alter table gateway.message disable trigger never_changed;"
        " update gateway.message set state = 'waiting', answer_sealed = null"
        f" where receipt = '{receipt}';"
        " alter table gateway.message enable trigger never_changed",
    )
    pair.start(0, delivery=FAST)
    wait_until(lambda: state(pair, receipt) == "delivered")
    assert told(pair, receipt)["attempts"] == 2
    assert len(pair.upstream.calls) == 1
    assert json.loads(base64.b64decode(told(pair, receipt)["answer"]["body"]))["method"] == "POST"


def with_superuser(pair: Pair, statement: str) -> None:
    with psycopg.connect(pair.databases[0].superuser) as connection:
        connection.execute(statement.encode())


def test_a_message_may_be_as_large_as_its_own_setting_says(pair: Pair) -> None:
    pair.start(0, delivery=DeliverySettings(**SPEED, message_bytes=300_000), kept_body_bytes=1024)
    pair.start(1, delivery=FAST, kept_body_bytes=1024)
    pair.upstream.responds = {"status": 200, "body": ""}
    largest = hand_over(pair, "1", b"x" * 300_000)
    wait_until(lambda: state(pair, largest.json["receipt"]) == "delivered")
    assert pair.upstream.calls[0].body == b"x" * 300_000
    larger = hand_over(pair, "2", b"x" * 300_001)
    assert (larger.status, larger.json["message"]) == (413, "a message has at most 300000 bytes")
    usual = hand_over(pair, "3", b"x" * (LARGEST_MESSAGE + 1))
    assert usual.status == 413


@pytest.mark.parametrize("given", [0, -1, LARGEST_MESSAGE + 1])
def test_a_size_that_nodes_cannot_hold_in_memory_is_no_setting(given: int) -> None:
    with pytest.raises(Misconfigured) as refused:
        DeliverySettings(message_bytes=given)
    assert (refused.value.facts["key"], refused.value.facts["value"]) == ("message_bytes", given)


def test_metrics_tell_what_was_delivered_retried_and_is_dead(pair: Pair) -> None:
    pair.start(delivery=FAST)
    pair.upstream.responds = {"status": 503, "body": ""}
    receipt = hand_over(pair, "1").json["receipt"]
    wait_until(lambda: gauge(pair, 'gateway_messages_total{outcome="retried"}') >= 1)
    wait_until(lambda: gauge(pair, "gateway_messages_waiting") >= 1)
    pair.clocks[0].advance(timedelta(seconds=60))
    wait_until(lambda: gauge(pair, "gateway_messages_oldest_seconds") >= 60)
    pair.clocks[1].advance(timedelta(seconds=60))
    pair.upstream.responds = {"status": 200, "body": ""}
    wait_until(lambda: state(pair, receipt) == "delivered")
    wait_until(lambda: gauge(pair, 'gateway_messages_total{outcome="delivered"}') == 1)
    pair.upstream.responds = {"status": 422, "body": ""}
    hand_over(pair, "2")
    wait_until(lambda: gauge(pair, 'gateway_messages_total{outcome="refused"}') == 1)
    pair.upstream.responds = {"status": 503, "body": ""}
    hand_over(pair, "3", b"{}", ("Pencere-Deliver-Within", "10"))
    pair.clocks[0].advance(timedelta(seconds=11))
    wait_until(lambda: gauge(pair, 'gateway_messages_total{outcome="dead"}') == 1)
    wait_until(lambda: gauge(pair, "gateway_messages_dead") >= 1)


def gauge(pair: Pair, line: str) -> float:
    text = ask(pair.ports[0], "GET", "/metrics").body.decode()
    (value,) = [one.split()[-1] for one in text.splitlines() if one.startswith(f"{line} ")]
    return float(value)


def test_ordered_messages_arrive_in_order_though_the_first_fails(pair: Pair) -> None:
    pair.start(delivery=FAST)
    pair.upstream.responds = {"status": 503, "body": ""}
    order = ("Pencere-Order", "case-7")
    numbers = [hand_over(pair, str(at), b'"%d"' % at, order).json["receipt"] for at in range(4)]
    wait_until(lambda: len(pair.upstream.calls) >= 3)
    assert {call.body for call in pair.upstream.calls} == {b'"0"'}
    pair.upstream.calls.clear()
    pair.upstream.responds = {"status": 200, "body": "ok"}
    wait_until(lambda: state(pair, numbers[-1]) == "delivered")
    assert [call.body for call in pair.upstream.calls][-3:] == [b'"1"', b'"2"', b'"3"']


def test_what_could_not_be_delivered_in_time_is_a_dead_letter_and_can_be_sent_again(
    pair: Pair,
) -> None:
    pair.start(0, delivery=FAST)
    receipt = hand_over(pair, "1", b"{}", ("Pencere-Deliver-Within", "60")).json["receipt"]
    pair.clocks[0].advance(timedelta(seconds=61))
    wait_until(lambda: state(pair, receipt) == "dead")
    listed = ask(pair.ports[0], "GET", "/messages/?state=dead", OPERATOR).json["messages"]
    assert receipt in [one["receipt"] for one in listed]
    assert ask(pair.ports[0], "GET", "/messages/?state=dead", headers()).status == 401
    assert ask(pair.ports[0], "POST", f"/messages/{receipt}/again", headers(), b"").status == 401
    pair.clocks[1].advance(timedelta(seconds=61))
    pair.publish(2)
    pair.start(1, delivery=FAST)
    assert ask(pair.ports[0], "POST", f"/messages/{receipt}/again", OPERATOR, b"").status == 202
    wait_until(lambda: state(pair, receipt) == "delivered")
    assert kinds(told(pair, receipt)) == ["accepted", "dead", "again", "delivered"]
    assert ask(pair.ports[0], "POST", f"/messages/{receipt}/again", OPERATOR, b"").status == 404


def test_a_right_that_ended_refuses_what_waits(pair: Pair) -> None:
    pair.start(0, delivery=FAST)
    receipt = hand_over(pair, "1").json["receipt"]
    pair.publish(2, agreements=[])
    wait_until(lambda: state(pair, receipt) == "refused")
    assert told(pair, receipt)["fault"].endswith("access_denied")


def test_a_right_that_the_other_node_does_not_know_yet_delays_and_loses_nothing(
    pair: Pair,
) -> None:
    pair.publish(2, to=(1,), agreements=[])
    pair.start(delivery=FAST)
    receipt = hand_over(pair, "1").json["receipt"]
    wait_until(lambda: told(pair, receipt)["attempts"] >= 2)
    found = told(pair, receipt)
    assert (found["state"], found["fault"]) == ("waiting", "server.serverproxy.access_denied")
    pair.publish(3)
    wait_until(lambda: state(pair, receipt) == "delivered")
    assert len(pair.upstream.calls) == 1


def test_a_right_that_the_other_node_will_not_know_refuses_in_the_end(pair: Pair) -> None:
    pair.publish(2, to=(1,), agreements=[])
    pair.start(delivery=DeliverySettings(**SPEED, directories_differ=timedelta(0)))
    receipt = hand_over(pair, "1").json["receipt"]
    wait_until(lambda: state(pair, receipt) == "refused")
    assert told(pair, receipt)["fault"] == "server.serverproxy.access_denied"


def test_a_clock_that_goes_back_delays_and_loses_nothing(pair: Pair) -> None:
    pair.start(delivery=FAST)
    pair.upstream.responds = {"status": 503, "body": ""}
    receipt = hand_over(pair, "1").json["receipt"]
    wait_until(lambda: told(pair, receipt)["attempts"] >= 1)
    pair.clocks[0].advance(timedelta(seconds=-3600))
    wait_until(lambda: "clock" in told(pair, receipt)["fault"])
    pair.clocks[0].advance(timedelta(seconds=3600))
    pair.upstream.responds = {"status": 200, "body": "ok"}
    wait_until(lambda: state(pair, receipt) == "delivered")


def test_the_message_of_another_is_nobodys_business(pair: Pair) -> None:
    pair.start(delivery=FAST)
    receipt = hand_over(pair, "1").json["receipt"]
    assert ask(pair.ports[0], "GET", f"/messages/{receipt}", headers(key="wrong")).status == 401
    unknown = "00000000-0000-4000-8000-000000000000"
    assert ask(pair.ports[0], "GET", f"/messages/{unknown}", headers()).status == 404


def test_nothing_of_a_person_lies_open_in_the_database(pair: Pair) -> None:
    pair.start(delivery=FAST)
    receipt = hand_over(pair, "1", b'{"secret": "5KQ2R7A"}').json["receipt"]
    wait_until(lambda: state(pair, receipt) == "delivered")
    for at, table in ((0, "message"), (1, "received"), (0, "message_receipt")):
        rows = pair.rows(at, f"select t::text from gateway.{table} t")
        assert rows
        assert not any("5KQ2R7A" in text or b"secret".hex() in text for (text,) in rows)
