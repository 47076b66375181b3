"""The client of the gateway, against a node that answers as it is told."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from pencere.kernel.errors import Conflict, Missing, Refused, Unavailable
from pencere.web.exchange import Gateway, Purpose, Record

PURPOSE = Purpose(
    code="replace-licence", legal_basis="act", case="DYP-2026-000001", person="6AYDN47",
    user="2RSAD76", represented="dyp",
)  # fmt: skip
RECORD = {"id": "1", "version": 2, "state": "valid", "valid_from": "2020-01-01", "data": {"a": 1}}


class Node(BaseHTTPRequestHandler):
    """Remembers what came and answers what it was told."""

    answer: ClassVar[tuple[int, dict[str, str], bytes]] = (200, {}, b"{}")
    came: ClassVar[list[tuple[str, dict[str, str], Any]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.came.append((self.path, dict(self.headers.items()), json.loads(body)))
        status, headers, content = type(self).answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    Node.came.clear()
    server = HTTPServer(("127.0.0.1", 0), Node)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield Gateway(address=f"http://127.0.0.1:{server.server_port}", key="k")
    server.shutdown()
    server.server_close()
    thread.join()


def answers(status: int, value: object, **headers: str) -> None:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    Node.answer = (status, named, json.dumps(value).encode())


def test_every_request_says_why_for_whom_and_by_whom(gateway: Gateway) -> None:
    answers(200, {"records": [RECORD]})

    found = gateway.query(register="dyp/driving-licence", by={"fin": "6AYDN47"}, purpose=PURPOSE)

    path, headers, body = Node.came[0]
    assert found == (Record("1", 2, "valid", "2020-01-01", {"a": 1}),)
    assert (path, body) == (
        "/r1/AZ/GOV/dyp/dyp/driving-licence/query",
        {"by": {"fin": "6AYDN47"}},
    )
    assert {
        name: headers[name]
        for name in headers
        if name.startswith("Pencere") or (name.startswith("X-Road") and name != "X-Road-Id")
    } == {
        "Pencere-Case": "DYP-2026-000001",
        "Pencere-Client-Key": "k",
        "Pencere-Legal-Basis": "act",
        "Pencere-Person": "6AYDN47",
        "Pencere-Purpose": "replace-licence",
        "X-Road-Client": "AZ/GOV/idda/portal",
        "X-Road-Represented-Party": "GOV/dyp",
        "X-Road-UserId": "AZ2RSAD76",
    }


def test_a_job_is_no_person_and_a_person_represents_nobody(gateway: Gateway) -> None:
    answers(200, {"records": []})

    for purpose in (
        replace(PURPOSE, user=None),
        replace(PURPOSE, user="6AYDN47", represented=None),
    ):
        gateway.query(register="dyp/vehicle", by={"fin": "6AYDN47"}, purpose=purpose)

    assert [
        (headers["X-Road-UserId"], headers.get("X-Road-Represented-Party"))
        for _, headers, _ in Node.came
    ] == [("system", "GOV/dyp"), ("AZ6AYDN47", None)]


USAGE = {
    "logtime": "2026-11-22T09:00:00.000Z", "action": "POST /query", "receiverCode": "idda",
    "receiverSystem": "portal", "representedParty": {"class": "GOV", "code": "dyp"},
    "self": False, "automatic": True, "service": "AZ/GOV/dyp/dyp/vehicle", "purpose": "identify",
    "legalBasis": "act", "case": "", "exchange": "e1", "outcome": "answered", "status": 200,
    "salt": None, "leaf": None, "proof": None, "checkpoint": None,
}  # fmt: skip


def test_accesses_say_for_which_body_and_whether_a_person_acted(gateway: Gateway) -> None:
    mine = {**USAGE, "representedParty": None, "self": True, "automatic": False}
    answers(200, {"totalUsages": 2, "usages": [USAGE, mine]})

    found = gateway.find_usage(
        member="dyp", subsystem="dyp", purpose=PURPOSE, limit=2,
        before=datetime(2026, 11, 23, tzinfo=UTC), exchange="e1",
    )  # fmt: skip

    assert Node.came[0][2] == {
        "before": "2026-11-23T00:00:00+00:00",
        "exchange": "e1",
        "limit": 2,
        "offset": 0,
    }
    assert [(one.represented, one.is_self, one.is_automatic) for one in found.usages] == [
        ("dyp", False, True),
        ("", True, False),
    ]


@pytest.mark.parametrize("missing", ["self", "automatic", "outcome", "logtime"])
def test_an_access_of_another_form_is_not_half_told(gateway: Gateway, missing: str) -> None:
    one = {name: value for name, value in USAGE.items() if name != missing}
    answers(200, {"totalUsages": 1, "usages": [one]})

    with pytest.raises(Unavailable):
        gateway.find_usage(member="dyp", subsystem="dyp", purpose=PURPOSE)


def test_no_personal_number_is_in_an_address(gateway: Gateway) -> None:
    answers(200, {"records": []})

    gateway.query(register="population/person", by={"fin": "6AYDN47"}, purpose=PURPOSE)

    assert [path for path, _, _ in Node.came if "6AYDN47" in path] == []


@pytest.mark.parametrize(
    ("status", "fault", "error", "code"),
    [
        (403, "server.serverproxy.access_denied", Refused, "server.serverproxy.access_denied"),
        (500, "Server.ServerProxy.AccessDenied", Refused, "server.serverproxy.access_denied"),
        (502, "server.serverproxy.network_error", Unavailable, "register.unavailable"),
        (503, "server.clientproxy.global_conf_outdated", Unavailable, "register.unavailable"),
        (404, "", Missing, "register.no-record"),
        (409, "", Conflict, "register.changed"),
        (412, "", Conflict, "register.changed"),
        (500, "", Unavailable, "register.unavailable"),
        (400, "", Refused, "data.invalid"),
    ],
)
def test_what_a_node_or_a_register_refuses_is_told_apart(
    gateway: Gateway, status: int, fault: str, error: type[Exception], code: str
) -> None:
    answers(status, {"code": "data.invalid"}, **({"X_Road_Error": fault} if fault else {}))

    with pytest.raises(error) as refusal:
        gateway.query(register="dyp/vehicle", by={"fin": "x"}, purpose=PURPOSE)

    assert refusal.value.code == code  # type: ignore[attr-defined]
    assert refusal.value.facts["register"] == "dyp/vehicle"  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", [[], {}, {"records": 1}, {"records": [{"id": "1"}]}])
def test_an_answer_of_another_form_is_no_answer(gateway: Gateway, value: object) -> None:
    answers(200, value)

    with pytest.raises(Unavailable):
        gateway.query(register="dyp/vehicle", by={"fin": "x"}, purpose=PURPOSE)


def test_a_node_that_is_down_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        Gateway(address="http://127.0.0.1:9", key="k").query(
            register="dyp/vehicle", by={"fin": "x"}, purpose=PURPOSE
        )


def test_a_transaction_carries_its_key(gateway: Gateway) -> None:
    answers(200, {"records": [RECORD]})

    gateway.transact(
        register="dyp/driving-licence", operations=[{"op": "annul", "id": "1", "version": 2,
        "reason": "replaced"}], purpose=PURPOSE, idempotency_key="case-1",
    )  # fmt: skip

    path, headers, _ = Node.came[0]
    assert (path, headers["Idempotency-Key"]) == (
        "/r1/AZ/GOV/dyp/dyp/driving-licence/transactions",
        "case-1",
    )
