"""Over the link itself: a revoked key's signature, oversized heads, a peer that stops half-way."""

import socket

import pytest
from tests.gateway.conftest import PROVIDER, SERVICE, Pair, head_bytes, headers, wait_until
from tests.gateway.test_faults import GOOD, outcome

from pencere.gateway.directory.model import fingerprint_of
from pencere.gateway.throwaway import make_key
from pencere.kernel.http.message import Limits


def test_what_a_revoked_key_signs_is_believed_by_neither_side(pair: Pair) -> None:
    pair.start()
    assert outcome(pair) == GOOD
    calls = len(pair.upstream.calls)
    for at, version in ((0, 2), (1, 4)):
        revoked = [fingerprint_of(pair.keys[at].certificate)]
        # Only the other node knows yet: what it did verify before proves nothing any more.
        pair.publish(version, revoked=revoked, to=(1 - at,))
        wait_until(lambda at=at, version=version: pair.version(1 - at) == version)
        status, code = outcome(pair)
        assert (status >= 400, code is not None) == (True, True)
        assert len(pair.upstream.calls) == calls
        pair.publish(version + 1)
        wait_until(lambda version=version: pair.version(0) == pair.version(1) == version + 1)
        if at == 0:
            wait_until(lambda: outcome(pair) == GOOD)
            calls = len(pair.upstream.calls)
    wait_until(lambda: outcome(pair) == GOOD)


def test_a_signature_of_a_revoked_key_is_refused_though_the_connection_is_good(pair: Pair) -> None:
    signing = make_key(PROVIDER, pair.clocks[1])
    nodes = pair.payload(2)["nodes"]
    nodes[1]["certificates"] = [pair.keys[1].entry("tls"), signing.entry("sign")]
    pair.publish(2, nodes=nodes)
    pair.start(0)
    pair.start(1, signer=signing)
    assert outcome(pair) == GOOD

    pair.publish(3, nodes=nodes, revoked=[fingerprint_of(signing.certificate)])
    wait_until(lambda: pair.version(0) == pair.version(1) == 3)
    refused = outcome(pair)
    pair.publish(4, nodes=nodes)
    wait_until(lambda: pair.version(0) == pair.version(1) == 4)

    assert refused == (502, "server.clientproxy.invalid_signature")
    assert outcome(pair) == GOOD


@pytest.mark.parametrize("piece", [b"X-A: " + b"a" * 1000 + b"\r\n", b"X: y\r\n"], ids=len)
def test_a_head_without_an_end_is_refused_at_its_limit_and_not_kept(
    pair: Pair, piece: bytes
) -> None:
    pair.start(1)
    pair.start(0, limits=Limits(head_bytes=16_384))
    sent = 0

    with socket.create_connection(("127.0.0.1", pair.ports[0]), timeout=10) as connection:
        connection.sendall(b"POST /r1/AZ/GOV/mia/population/person/query HTTP/1.1\r\nHost: x\r\n")
        try:
            while sent < 4 * 2**20:
                connection.sendall(piece * 16)
                sent += 16 * len(piece)
        except OSError:
            pass

    assert sent < 4 * 2**20
    assert pair.upstream.calls == []
    assert outcome(pair) == GOOD


def test_a_hundred_clients_that_open_and_say_nothing_are_closed_and_hold_up_nobody(
    pair: Pair,
) -> None:
    pair.start(1)
    pair.start(0, limits=Limits(head_s=1.0, idle_s=1.0))
    silent = [socket.create_connection(("127.0.0.1", pair.ports[0])) for _ in range(100)]
    try:
        assert outcome(pair) == GOOD
        for one in silent:
            one.settimeout(8)
            while one.recv(4096):
                pass
    finally:
        for one in silent:
            one.close()


def test_a_client_that_leaves_before_its_answer_costs_nobody_anything(pair: Pair) -> None:
    pair.start()
    pair.upstream.delay_s = 0.5
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", pair.ports[0]), timeout=10) as connection:
            connection.sendall(head_bytes("POST", SERVICE + "/query", headers(), b"{}"))
    wait_until(lambda: len(pair.upstream.calls) in {0, 5}, 10)
    pair.upstream.released.set()
    pair.upstream.delay_s = 0.0

    assert outcome(pair) == GOOD
    wait_until(lambda: pair.node(0).core.in_flight == pair.node(1).core.in_flight == 0)
    # What was begun is whole in both logs, read by somebody or not.
    query = (
        "select count(*) from gateway.request r left join gateway.response s using (exchange, side)"
        f" where r.node = '{PROVIDER}' and s.exchange is null"
    )
    wait_until(lambda: pair.rows(1, query) == [(0,)])
