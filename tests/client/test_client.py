"""The client library, against its own stand-in and against real sockets that misbehave."""

import asyncio
import pickle
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from pencere.client import (
    Answer,
    AsyncClient,
    BadRequest,
    Client,
    Denied,
    Fault,
    Hidden,
    Identity,
    NoAnswer,
    NotNow,
    Purpose,
    Retry,
    double,
    events,
)
from pencere.client.errors import snake
from pencere.client.metadata import Member
from pencere.kernel.errors import Invalid

PORTAL, PERSON = "AZ/GOV/idda/portal", "AZ/GOV/bpqmi/population/person"
PURPOSE = Purpose("identify", "act", case="2026-1", person="6AYDN47", user="2RSAD76")
QUICK = Retry(attempts=3, first_s=0.001, most_s=0.01)


@pytest.fixture
def node() -> double.Node:
    node = double.Node(systems=frozenset({PORTAL}))
    node.service(PERSON, lambda asked: double.json({"by": asked.path}), demands=("purpose",))
    return node


def client_of(node: double.Node, retry: Retry = QUICK) -> Client:
    return Client("http://node", Identity(PORTAL, "k"), retry=retry, transport=node.transport)


def test_a_request_says_who_asks_and_why(node: double.Node) -> None:
    answer = client_of(node).request(
        "POST", PERSON, "/query?x=1", purpose=PURPOSE, body={"b": 1, "a": 2},
        message_id="m-1", idempotency_key="once",
    )  # fmt: skip

    [asked] = node.asked
    said = {
        name: value
        for name, value in asked.headers.items()
        if name.startswith(("x-road", "pencere", "idempotency", "content-type"))
    }
    assert (answer.status, answer.json(), answer.message_id) == (200, {"by": "/query?x=1"}, "m-1")
    assert (asked.method, asked.path, asked.body) == ("POST", "/query?x=1", b'{"a":2,"b":1}')
    assert said == {
        "content-type": "application/json",
        "idempotency-key": "once",
        "pencere-case": "2026-1",
        "pencere-client-key": "k",
        "pencere-legal-basis": "act",
        "pencere-person": "6AYDN47",
        "pencere-purpose": "identify",
        "x-road-client": PORTAL,
        "x-road-id": "m-1",
        "x-road-userid": "AZ2RSAD76",
    }


def test_a_hidden_access_names_its_order_and_its_end() -> None:
    hidden = Hidden("Qərar 12/3", datetime(2027, 1, 1, 4, tzinfo=UTC))
    headers = Purpose("inquiry", "act", hidden=hidden, represented="GOV/dyp").headers()

    assert headers == {
        "X-Road-UserId": "system",
        "X-Road-Represented-Party": "GOV/dyp",
        "Pencere-Purpose": "inquiry",
        "Pencere-Legal-Basis": "act",
        "X-Road-PDU-Hidden": "true",
        "X-Road-PDU-Hidden-Reason": "Q%C9%99rar 12/3",
        "X-Road-PDU-Hidden-Until": "2027-01-01T04:00:00Z",
    }


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("server.serverproxy.access_denied", 403, Denied),
        ("Server.ServerProxy.AccessDenied", 500, Denied),
        ("Server.ClientProxy.OutdatedGlobalConf", 500, NotNow),
        ("server.clientproxy.unknown_member", 404, Denied),
        ("server.clientproxy.overloaded", 503, NotNow),
        ("Server.ServerProxy.IOError", 500, NotNow),
        ("server.serverproxy.missing_header", 400, BadRequest),
    ],
)
def test_faults_have_one_name_however_the_node_spells_them(
    node: double.Node, code: str, status: int, kind: type[Fault]
) -> None:
    node.refuse(PERSON, code, status=status, message="why", times=3)

    with pytest.raises(kind) as refused:
        client_of(node).request("POST", PERSON, purpose=PURPOSE)

    assert (refused.value.code, refused.value.http_status) == (snake(code), status)
    assert (refused.value.message, len(refused.value.detail)) == ("why", 36)
    assert repr(pickle.loads(pickle.dumps(refused.value)).message) == "'why'"


@pytest.mark.parametrize(
    ("classic", "expected"),
    [
        ("Server.ClientProxy.SslAuthenticationFailed",
         "server.clientproxy.ssl_authentication_failed"),
        ("Server.ServerProxy.IOError", "server.serverproxy.io_error"),
        ("Server.ServerProxy.ServiceMissingUrl", "server.serverproxy.service_missing_url"),
        ("Server.ClientProxy.OutdatedGlobalConf", "server.clientproxy.global_conf_outdated"),
        ("server.serverproxy.io_error", "server.serverproxy.io_error"),
    ],
)  # fmt: skip
def test_both_spellings_of_a_code_are_read(classic: str, expected: str) -> None:
    assert snake(classic) == expected


def test_an_answer_of_the_service_is_no_fault_whatever_its_status(node: double.Node) -> None:
    node.service(PERSON, lambda _: double.json({"code": "person.unknown"}, 404))

    answer = client_of(node).request("POST", PERSON, purpose=PURPOSE)

    assert (answer.status, answer.is_ok, answer.json()) == (404, False, {"code": "person.unknown"})


def test_what_was_never_sent_is_sent_again(node: double.Node) -> None:
    node.be_away(PERSON, is_unseen=True, times=2)

    answer = client_of(node).request("POST", PERSON, purpose=PURPOSE)

    assert (answer.status, len(node.asked)) == (200, 1)


def test_what_may_have_been_done_is_not_done_twice(node: double.Node) -> None:
    node.be_away(PERSON, is_unseen=False)

    with pytest.raises(NoAnswer) as lost:
        client_of(node).request("POST", PERSON, purpose=PURPOSE)

    assert (lost.value.is_unseen, node.asked) == (False, [])


@pytest.mark.parametrize("ways", [("GET", None), ("POST", "once")], ids=["reading", "keyed"])
def test_what_is_the_same_done_twice_is_tried_again(
    node: double.Node, ways: tuple[str, str | None]
) -> None:
    method, key = ways
    node.be_away(PERSON, is_unseen=False, times=2)

    answer = client_of(node).request(method, PERSON, purpose=PURPOSE, idempotency_key=key)

    assert (answer.status, len(node.asked)) == (200, 1)


def test_an_overloaded_node_of_ones_own_is_asked_again_another_is_not(node: double.Node) -> None:
    node.refuse(PERSON, "server.clientproxy.overloaded", status=503, retry_after=0)
    assert client_of(node).request("POST", PERSON, purpose=PURPOSE).status == 200

    node.refuse(PERSON, "server.serverproxy.network_error", status=502)
    with pytest.raises(NotNow):
        client_of(node).request("POST", PERSON, purpose=PURPOSE)

    assert len(node.asked) == 1


def test_a_wait_longer_than_the_caller_has_is_not_waited_for(node: double.Node) -> None:
    node.refuse(PERSON, "server.serverproxy.quota_exceeded", status=429, retry_after=3600)

    with pytest.raises(NotNow) as refused:
        client_of(node).request("GET", PERSON, purpose=PURPOSE)

    assert refused.value.retry_after == 3600


def test_a_refusal_is_never_tried_again(node: double.Node) -> None:
    node.refuse(PERSON, "server.serverproxy.access_denied", status=403)

    with pytest.raises(Denied):
        client_of(node).request("GET", PERSON, purpose=PURPOSE)

    assert node.asked == []


def test_who_is_there_and_what_they_offer_is_read(node: double.Node) -> None:
    assert client_of(node).members() == (Member(PORTAL, "idda", True),)


def test_answers_of_another_form_are_named(node: double.Node) -> None:
    provider = PERSON.rpartition("/")[0]
    node.service(f"{provider}/allowedMethods", lambda _: double.json([]))

    with pytest.raises(Invalid) as wrong:
        client_of(node).services(provider)

    assert wrong.value.code == "answer.form"


@pytest.mark.parametrize("service", ["", "AZ/GOV/bpqmi/population", "AZ/GOV/a/b/c/d"])
def test_a_service_is_named_whole(node: double.Node, service: str) -> None:
    with pytest.raises(Invalid) as wrong:
        client_of(node).request("GET", service)

    assert (wrong.value.code, node.asked) == ("call.target", [])


def test_the_stand_in_demands_what_the_service_demands(node: double.Node) -> None:
    with pytest.raises(BadRequest) as refused:
        client_of(node).request("POST", PERSON)

    assert refused.value.message == "Header Pencere-Purpose is needed"


def test_the_other_client_does_the_same(node: double.Node) -> None:
    node.be_away(PERSON, is_unseen=True)

    async def ask() -> Answer:
        identity = Identity(PORTAL, "k")
        async with AsyncClient(
            "http://node", identity, retry=QUICK, transport=node.transport
        ) as client:
            return await client.request("POST", PERSON, "/query", purpose=PURPOSE)

    answer = asyncio.run(ask())

    assert (answer.status, answer.json(), len(node.asked)) == (200, {"by": "/query"}, 1)


@pytest.fixture
def silent() -> Iterator[int]:
    """Return the port of a server that takes a request and hangs up."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(5)

    def hang_up() -> None:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        connection.recv(65536)
        connection.close()

    thread = threading.Thread(target=hang_up, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    listening.close()
    thread.join(6)


def test_over_real_sockets_nobody_there_and_hung_up_are_told_apart(silent: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    once = Retry(attempts=1)

    found = []
    for port in (free, silent):
        with (
            Client(f"http://127.0.0.1:{port}", Identity(PORTAL), retry=once) as client,
            pytest.raises(NoAnswer) as lost,
        ):
            client.request("POST", PERSON, purpose=PURPOSE)
        found.append(lost.value.is_unseen)

    assert found == [True, False]


def test_the_key_is_not_in_what_a_log_shows() -> None:
    assert "hush" not in repr(Identity(PORTAL, "hush"))


def test_the_stand_in_is_a_transport_of_httpx(node: double.Node) -> None:
    assert isinstance(node.transport, httpx.MockTransport)


def test_a_message_is_handed_over_once_and_its_answer_read(node: double.Node) -> None:
    client = client_of(node)
    sent = [
        client.send_message("POST", PERSON, "/query", message_id="m-1", purpose=PURPOSE, body=b"{}")
        for _ in range(2)
    ]

    found = client.message(sent[0].receipt)

    assert [one.receipt for one in sent] == [found.receipt] * 2
    assert (found.state, found.status, found.body) == ("delivered", 200, b'{"by":"/query"}')
    assert len(node.asked) == 1


def test_events_are_told_and_read_in_order(node: double.Node) -> None:
    client = client_of(node)
    for number in (1, 2, 3):
        client.publish("birth", {"n": number}, key=f"k{number}", person="6AYDN47")

    found = client.events_after("birth", 1, wait_s=1)
    client.acknowledge("birth", found[-1].number)

    assert [(one.number, one.id, one.person, one.data) for one in found] == [
        (2, "k2", "6AYDN47", {"n": 2}),
        (3, "k3", "6AYDN47", {"n": 3}),
    ]


def test_the_name_of_a_type_stands_in_the_address_as_the_node_reads_it() -> None:
    type_ = "AZ/GOV/bpqmi/population/person-died"

    asked = events.after(type_, 3, wait_s=1, limit=9).target
    done = events.acknowledge(type_, 3).target

    assert asked == f"/events/{type_}?after=3&wait=1&limit=9"
    assert done == f"/events/{type_}/acknowledged"
