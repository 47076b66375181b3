"""What a client gets when something between it and the service is wrong: never a false answer."""

import socket
import threading
import time
from datetime import timedelta

import psycopg
import pytest
from tests.gateway.conftest import (
    OTHER_PERSON,
    PERSON,
    SERVICE,
    Pair,
    ask,
    head_bytes,
    headers,
    read_answer,
    wait_until,
)

from pencere.gateway.throwaway import make_key
from pencere.kernel.http.message import Limits


def outcome(pair: Pair, **changes: str | None) -> tuple[int, str | None]:
    answer = pair.ask(headers(**changes))
    return answer.status, answer.header("X-Road-Error")


GOOD = (200, None)


def test_a_complete_request_is_answered_and_stands_in_both_logs(pair: Pair) -> None:
    pair.start()

    answer = pair.ask(body=b'{"by": {"fin": "5KQ2R7A"}}')

    assert (answer.status, answer.json["target"]) == (200, "/person/query")
    exchange = answer.header("x-road-request-id")
    query = f"""select r.consumer, r.service, r.endpoint, r.purpose, r.case_number,
        s.outcome, s.status from gateway.request r join gateway.response s using (exchange, side)
        where exchange = '{exchange}'"""
    expected = [
        ("AZ/GOV/idda/portal", "AZ/GOV/mia/population/person",
         "POST /query", "identify", "2026-000123", "answered", 200)
    ]  # fmt: skip
    assert pair.rows(0, query) == expected
    assert pair.rows(1, query) == expected


def test_the_clients_key_stays_at_its_node_and_the_service_gets_its_bearer(pair: Pair) -> None:
    pair.start()

    pair.ask([*headers(), ("Authorization", "Bearer mine")])

    call = pair.upstream.calls[0]
    assert call.header("Pencere-Client-Key") is None
    assert [value for name, value in call.headers if name.lower() == "authorization"] == [
        "Bearer secret-of-registers"
    ]


@pytest.mark.parametrize("key", [None, "wrong"])
def test_who_does_not_prove_to_be_the_client_is_refused(pair: Pair, key: str | None) -> None:
    pair.start()

    assert outcome(pair, key=key) == (401, "server.clientproxy.ssl_authentication_failed")
    assert pair.upstream.calls == []


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("purpose", "Pencere-Purpose: identify"),
        ("basis", "Pencere-Legal-Basis: personal-data-law"),
        ("case", "Pencere-Case: 2026-000123"),
        ("person", "Pencere-Person: 1AB2C3D"),
        ("user", "X-Road-UserId: AZ1AB2C3D"),
    ],
)
def test_a_missing_header_is_named_with_a_valid_example(pair: Pair, name: str, header: str) -> None:
    pair.start()

    answer = pair.ask(headers(**{name: None}))

    proper = header.partition(":")[0]
    assert (answer.status, answer.json["type"], answer.json["message"]) == (
        400,
        "server.serverproxy.missing_header",
        (
            f"Header {proper} is missing; service AZ/GOV/mia/population/person demands it."
            f" Example: {header}"
        ),
    )
    assert pair.upstream.calls == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"purpose": "curiosity"}, (403, "server.serverproxy.access_denied")),
        ({"basis": "another-law"}, (403, "server.serverproxy.access_denied")),
        ({"person": "not a fin"}, (400, "server.clientproxy.invalid_header")),
        ({"client": "AZ/GOV/mia/population"}, (404, "server.clientproxy.unknown_member")),
    ],
)
def test_what_no_agreement_covers_is_refused(
    pair: Pair, changes: dict[str, str | None], expected: tuple[int, str]
) -> None:
    pair.start()

    assert outcome(pair, **changes) == expected
    assert pair.upstream.calls == []


def test_an_agreement_that_ended_yesterday_allows_nothing(pair: Pair) -> None:
    pair.start()
    pair.clocks[0].advance(timedelta(days=500))
    pair.clocks[1].advance(timedelta(days=500))
    pair.publish(2)
    wait_until(lambda: (pair.version(0), pair.version(1)) == (2, 2))

    assert outcome(pair) == (403, "server.serverproxy.access_denied")


def test_a_node_that_is_down_is_said_so_and_comes_back(pair: Pair) -> None:
    pair.start()
    pair.stop(1)

    assert outcome(pair) == (502, "server.clientproxy.network_error")

    pair.start(1)
    assert outcome(pair) == GOOD


def test_a_node_with_another_certificate_is_not_spoken_to(pair: Pair) -> None:
    pair.start()
    nodes = pair.payload(2)["nodes"]
    nodes[1]["certificates"] = [
        make_key("other", pair.clocks[0]).entry("tls"),
        pair.keys[1].entry("sign"),
    ]
    pair.publish(2, to=(0,), nodes=nodes)
    wait_until(lambda: pair.version(0) == 2)

    assert outcome(pair) == (401, "server.clientproxy.ssl_authentication_failed")
    assert pair.upstream.calls == []


def test_a_node_that_left_the_directory_is_cut_off(pair: Pair) -> None:
    pair.start()
    assert outcome(pair) == GOOD
    nodes = pair.payload(2)["nodes"]
    pair.publish(2, to=(1,), nodes=nodes[1:])
    wait_until(lambda: pair.version(1) == 2)

    status, code = outcome(pair)

    assert (status, code) in {
        (502, "server.clientproxy.network_error"),
        (401, "server.serverproxy.ssl_authentication_failed"),
    }
    assert len(pair.upstream.calls) == 1


def test_an_answer_signed_by_a_key_the_directory_does_not_name_is_not_believed(pair: Pair) -> None:
    pair.start()
    nodes = pair.payload(2)["nodes"]
    nodes[1]["certificates"] = [
        pair.keys[1].entry("tls"),
        make_key("other", pair.clocks[0]).entry("sign"),
    ]
    pair.publish(2, to=(0,), nodes=nodes)
    wait_until(lambda: pair.version(0) == 2)

    assert outcome(pair) == (502, "server.clientproxy.invalid_signature")


def test_an_expired_directory_stops_the_node_and_a_new_one_starts_it(pair: Pair) -> None:
    pair.start()
    for clock in pair.clocks:
        clock.advance(timedelta(hours=24))

    assert outcome(pair) == (503, "server.clientproxy.global_conf_outdated")
    health = ask(pair.ports[0], "GET", "/healthz")
    failed = [check["name"] for check in health.json["checks"] if not check["ok"]]
    assert (health.status, failed) == (503, ["directory"])

    pair.publish(2)
    wait_until(lambda: (pair.version(0), pair.version(1)) == (2, 2))
    assert outcome(pair) == GOOD


def test_an_older_directory_never_replaces_a_newer_one_even_after_a_restart(pair: Pair) -> None:
    pair.publish(2)
    pair.start()
    pair.publish(1, agreements=[])
    time.sleep(1.5)
    assert (pair.version(0), outcome(pair)) == (2, GOOD)

    pair.stop()
    pair.start()

    assert (pair.version(0), pair.version(1), outcome(pair)) == (2, 2, GOOD)


def test_a_directory_signed_by_somebody_else_is_not_taken(pair: Pair) -> None:
    pair.start()
    file = pair.folder / "directory0.jws"
    head, payload, signature = file.read_text().split(".")
    pair.publish(2, agreements=[])
    forged = file.read_text().split(".")
    file.write_text(".".join([head, forged[1], signature]))
    time.sleep(1.5)

    assert (pair.version(0), payload != forged[1]) == (1, True)


@pytest.mark.parametrize("off", [timedelta(minutes=10), -timedelta(minutes=10)])
def test_a_node_with_a_wrong_clock_is_told_so(pair: Pair, off: timedelta) -> None:
    pair.start()
    pair.clocks[1].advance(off)

    status, code = outcome(pair)

    assert (status, code) in {
        (502, "server.serverproxy.clock_skew"),
        (502, "server.clientproxy.clock_skew"),
    }
    assert pair.upstream.calls == []


@pytest.mark.parametrize("which", [0, 1])
def test_without_a_database_there_is_no_answer_and_with_it_again_there_is(
    pair: Pair, which: int
) -> None:
    pair.start()
    assert outcome(pair) == GOOD
    name = pair.databases[which].name
    with psycopg.connect(pair.databases[1 - which].superuser, autocommit=True) as server:
        server.execute(f'alter database "{name}" allow_connections false'.encode())
        server.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
        )
        try:
            refused = [outcome(pair) for _ in range(3)]
        finally:
            server.execute(f'alter database "{name}" allow_connections true'.encode())

    side = ("clientproxy", "serverproxy")[which]
    assert refused == [(503, f"server.{side}.logging_failed")] * 3
    wait_until(lambda: pair.node(which).core.log.is_available)
    assert outcome(pair) == GOOD


def test_more_than_the_node_can_carry_is_refused_at_once(pair: Pair) -> None:
    pair.start(1)
    pair.start(0, in_flight=1)
    pair.upstream.delay_s = 2.0
    first: list[tuple[int, str | None]] = []
    thread = threading.Thread(target=lambda: first.append(outcome(pair)))
    thread.start()
    wait_until(lambda: len(pair.upstream.calls) == 1)

    assert outcome(pair) == (503, "server.clientproxy.overloaded")

    pair.upstream.released.set()
    thread.join()
    assert first == [GOOD]


def test_a_stopping_node_answers_what_it_began(pair: Pair) -> None:
    pair.start()
    pair.upstream.delay_s = 0.7
    first: list[tuple[int, str | None]] = []
    thread = threading.Thread(target=lambda: first.append(outcome(pair)))
    thread.start()
    wait_until(lambda: len(pair.upstream.calls) == 1)

    pair.stop(0)
    thread.join()

    assert first == [GOOD]


def test_no_request_is_lost_while_directories_change(pair: Pair) -> None:
    pair.start()
    answers: list[tuple[int, str | None]] = []
    end = time.monotonic() + 3
    version = 1
    while time.monotonic() < end:
        version += 1
        pair.publish(version)
        answers += [outcome(pair) for _ in range(5)]

    assert set(answers) == {GOOD}
    assert pair.version(0) > 1


def test_what_a_service_claims_in_the_gateways_name_does_not_reach_the_client(pair: Pair) -> None:
    pair.start()
    pair.upstream.responds = {
        "status": 418,
        "headers": [
            ["X-Road-Error", "forged"],
            ["X-Road-Service", "forged"],
            ["X-Road-Request-Hash", "forged"],
            ["Pencere-Fault", "ACCESS_DENIED"],
            ["X-Own", "kept"],
        ],
        "body": "tea",
    }

    answer = pair.ask()

    assert (answer.status, answer.body, answer.header("X-Own")) == (418, b"tea", "kept")
    assert "forged" not in str(answer.headers)
    assert answer.header("X-Road-Error") is None
    assert answer.header("Pencere-Fault") is None


def test_a_service_that_lies_about_its_length_gives_no_answer(pair: Pair) -> None:
    pair.start()
    with socket.create_server(("127.0.0.1", 0)) as liar:

        def serve() -> None:
            connection, _ = liar.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")

        thread = threading.Thread(target=serve)
        thread.start()
        file = pair.folder / "1.json"
        port = liar.getsockname()[1]
        file.write_text(
            f'{{"services": {{"AZ/GOV/mia/population": {{"url": "http://127.0.0.1:{port}"}}}}}}'
        )
        wait_until(lambda: pair.node(1).core.node_file.current.clients == {} and _moved(pair, port))
        result = outcome(pair)
        thread.join()

    assert result == (502, "server.serverproxy.io_error")


def _moved(pair: Pair, port: int) -> bool:
    services = pair.node(1).core.node_file.current.services
    return services["AZ/GOV/mia/population"].port == port


HOSTILE = {
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "length and chunks": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\n{}\r\n0\r\n\r\n",
    "unknown coding": b"Transfer-Encoding: gzip\r\n\r\n{}",
    "bad chunk": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "negative length": b"Content-Length: -2\r\n\r\n{}",
    "NUL in a value": b"X-A: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
    "folded line": b"X-A: a\r\n folded\r\nContent-Length: 2\r\n\r\n{}",
    "space before the colon": b"X-A : a\r\nContent-Length: 2\r\n\r\n{}",
    "no colon": b"nonsense\r\nContent-Length: 2\r\n\r\n{}",
    "two hosts": b"Host: other\r\nContent-Length: 2\r\n\r\n{}",
    "upgrade": b"Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\n{}",
    "head too large": b"X-A: " + b"a" * 70_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
    "too many headers": b"X-A: a\r\n" * 300 + b"Content-Length: 2\r\n\r\n{}",
    "body too large": b"Content-Length: 2147483649\r\n\r\n",
    "two purposes": b"Pencere-Purpose: identify\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("rest", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_head_gets_no_answer_from_the_service(pair: Pair, rest: bytes) -> None:
    pair.start()
    start = head_bytes("POST", SERVICE + "/query", headers())[:-2]

    with socket.create_connection(("127.0.0.1", pair.ports[0]), timeout=10) as connection:
        connection.sendall(start + rest)
        answer = read_answer(connection, "POST")

    assert 400 <= answer.status < 500
    assert (answer.header("X-Road-Error") or "").startswith("server.clientproxy.")
    assert pair.upstream.calls == []
    assert outcome(pair) == GOOD


TARGETS = [
    "http://gateway.test" + SERVICE + "/query",
    SERVICE + "/query#x",
    "/r1/AZ/GOV/mia//person/query",
    "/r1/AZ/GOV/mia/popul%ation/person/query",
    SERVICE + "/../person/query",
    SERVICE + "/records/..%2Fquery",
    SERVICE + "/records/%2e%2e/query",
    "/nothing",
]


@pytest.mark.parametrize("target", TARGETS)
def test_a_hostile_target_reaches_no_service(pair: Pair, target: str) -> None:
    pair.start()

    answer = ask(pair.ports[0], "POST", target, headers(), b"{}")

    assert 400 <= answer.status < 500
    assert pair.upstream.calls == []


def test_pipelined_requests_are_answered_in_order(pair: Pair) -> None:
    pair.start()
    one = head_bytes("POST", SERVICE + "/query?n=1", headers(), b"{}")
    two = head_bytes("POST", SERVICE + "/query?n=2", headers(), b"{}")

    with socket.create_connection(("127.0.0.1", pair.ports[0]), timeout=10) as connection:
        connection.sendall(one + two + head_bytes("GET", "/healthz", []))
        stream = connection.makefile("rb")
        targets = []
        for _ in range(2):
            length = 0
            while (line := stream.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            targets.append(b"/person/query?n=%d" % (len(targets) + 1) in stream.read(length))
        third = stream.readline()

    assert (targets, third) == ([True, True], b"HTTP/1.1 200 OK\r\n")


def test_a_client_that_drips_its_head_is_cut_off(pair: Pair) -> None:
    pair.start(1)
    pair.start(0, limits=Limits(head_s=1.0))

    with socket.create_connection(("127.0.0.1", pair.ports[0]), timeout=10) as connection:
        connection.sendall(b"POST /r1/AZ HTTP/1.1\r\nHost: x\r\n")
        answer = read_answer(connection)

    assert (answer.status, answer.header("X-Road-Error")) == (
        408,
        "server.clientproxy.request_timeout",
    )


def test_a_half_closed_client_still_gets_its_answer(pair: Pair) -> None:
    pair.start()

    with socket.create_connection(("127.0.0.1", pair.ports[0]), timeout=10) as connection:
        connection.sendall(head_bytes("POST", SERVICE + "/query", headers(), b"{}"))
        connection.shutdown(socket.SHUT_WR)
        answer = read_answer(connection)

    assert answer.status == 200


def test_the_log_holds_no_personal_number_in_clear_and_is_only_added_to(pair: Pair) -> None:
    pair.start()
    pair.ask(headers(), b'{"by": {"fin": "' + PERSON.encode() + b'"}}')

    for at in (0, 1):
        dump = str(pair.rows(at, "select * from gateway.request")) + str(
            pair.rows(at, "select * from gateway.response")
        )
        assert "AZ/GOV/idda/portal" in dump
        assert (PERSON in dump, OTHER_PERSON in dump) == (False, False)
        for url, change in (
            (pair.databases[at].app, b"update gateway.request set purpose = 'x'"),
            (pair.databases[at].superuser, b"delete from gateway.response"),
        ):
            refused = pytest.raises(psycopg.errors.InsufficientPrivilege)
            with psycopg.connect(url) as connection, refused:
                connection.execute(change)
