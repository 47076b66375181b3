"""Nodes that answer and do not keep to the rules: nothing of it is delivered."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

import pytest
from tests.gateway.conftest import (
    CONSUMER,
    PROVIDER,
    Pair,
)
from tests.gateway.test_faults import GOOD, outcome
from tests.servers import serving

from pencere.gateway.directory.model import fingerprint_of
from pencere.gateway.throwaway import ThrowawayKey, make_key
from pencere.gateway.wire import envelope as wire
from pencere.gateway.wire import evidence, head

Pairs = list[tuple[bytes, bytes]]


class Asked(NamedTuple):
    """A request as the provider's node took it."""

    exchange: str
    statement: evidence.Statement
    own: dict[bytes, bytes]


def asked(envelope: wire.Envelope) -> Asked:
    values = head.parse_request(envelope.head).values
    proof = evidence.parse_evidence(envelope.evidence)
    exchange = values[b"x-road-request-id"].decode()
    digests = head.digest(envelope.head), head.body_digest(envelope.body)
    statement = evidence.Statement(
        "request", exchange, CONSUMER, PROVIDER, proof.certificate, proof.time, *digests
    )
    own = {
        b"x-road-id": values[b"x-road-id"],
        b"x-road-client": b"AZ/GOV/idda/portal",
        b"x-road-service": b"AZ/GOV/mia/population/person",
        b"x-road-request-id": exchange.encode(),
        b"x-road-request-hash": head.request_hash(*digests).encode(),
    }
    return Asked(exchange, statement, own)


def answered(
    pair: Pair,
    to: Asked,
    given: Pairs,
    *,
    body: bytes = b"forged",
    key: ThrowawayKey | None = None,
    request: bytes | None = None,
) -> wire.Envelope:
    key = key or pair.keys[1]
    block = head.response_bytes(200, "OK", given)
    draft = evidence.Statement(
        "response", to.exchange, PROVIDER, CONSUMER, "", "", head.digest(block),
        head.body_digest(body), request or evidence.statement_digest(to.statement),
    )  # fmt: skip
    at = evidence.format_time(pair.clocks[1].now())
    [(_, proof)] = evidence.sign([draft], key, fingerprint_of(key.certificate), at)
    return wire.Envelope(block, body, proof.to_bytes())


@contextmanager
def provider(pair: Pair, answer: Callable[[Asked], wire.Envelope | bytes]) -> Iterator[None]:
    """A node in the provider's place; bytes are an answer that it does not sign."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made = answer(asked(wire.unpack(body)))
            packed = made if isinstance(made, bytes) else wire.pack(made)
            assert isinstance(packed, bytes)
            self.send_response_only(200 if isinstance(made, tuple) else 503)
            self.send_header("Content-Length", str(len(packed)))
            self.end_headers()
            self.wfile.write(packed)

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*map(str, pair.files[1]))
    tls.load_verify_locations(str(pair.anchors))
    tls.verify_mode = ssl.CERT_REQUIRED
    with serving(Handler, port=pair.link_ports[1], tls=tls):
        pair.start(0)
        yield
        pair.stop(0)


def test_a_node_in_the_providers_place_that_keeps_to_the_rules_is_believed(pair: Pair) -> None:
    with provider(pair, lambda to: answered(pair, to, [*to.own.items(), (b"x-own", b"1")])):
        answer = pair.ask()

    assert (answer.status, answer.body, answer.header("x-own")) == (200, b"forged", "1")


IN_OUR_NAME = {
    "message": (b"X-Road-Id", b"another"),
    "client": (b"X-Road-Client", b"AZ/GOV/mia/population"),
    "service": (b"X-Road-Service", b"AZ/GOV/mia/population/other"),
    "exchange": (b"X-Road-Request-Id", b"00000000-0000-4000-8000-000000000000"),
    "hash": (b"X-Road-Request-Hash", b"AAAA"),
    "error": (b"X-Road-Error", b"server.clientproxy.access_denied"),
    "fields": (b"Pencere-Fields", b"all"),
    "agreement": (b"Pencere-Agreement", b"a-9"),
    "date": (b"Date", b"Mon, 01 Jan 2001 00:00:00 GMT"),
    "length": (b"Content-Length", b"1"),
    "coding": (b"Transfer-Encoding", b"chunked"),
    "connection": (b"Connection", b"upgrade"),
}


@pytest.mark.parametrize("is_instead", [False, True], ids=["twice", "instead"])
@pytest.mark.parametrize("header", IN_OUR_NAME.values(), ids=IN_OUR_NAME)
def test_an_answer_in_the_gateways_own_name_is_not_delivered(
    pair: Pair, header: tuple[bytes, bytes], caplog: pytest.LogCaptureFixture, *, is_instead: bool
) -> None:
    def lie(to: Asked) -> wire.Envelope:
        own = {**to.own, header[0].lower(): header[1]} if is_instead else to.own
        return answered(pair, to, [header, *own.items()] if not is_instead else [*own.items()])

    with provider(pair, lie):
        answer = pair.ask()

    assert (answer.status, answer.header("X-Road-Error")) == (
        502,
        "server.clientproxy.inconsistent_response",
    )
    assert b"forged" not in answer.body
    assert "exchange_refused code=server.clientproxy.inconsistent_response" in caplog.text


@pytest.mark.parametrize("which", ["request", "exchange", "body", "key"])
def test_a_signature_of_something_else_proves_nothing(
    pair: Pair, which: str, caplog: pytest.LogCaptureFixture
) -> None:
    earlier: list[wire.Envelope] = []

    def lie(to: Asked) -> wire.Envelope:
        good = answered(pair, to, [*to.own.items()])
        earlier.append(good)
        if which == "request":
            return answered(pair, to, [*to.own.items()], request=bytes(32))
        if which == "exchange":
            return earlier[0]
        if which == "body":
            return good._replace(body=b"forges")
        return answered(pair, to, [*to.own.items()], key=make_key(PROVIDER, pair.clocks[1]))

    with provider(pair, lie):
        if which == "exchange":
            assert outcome(pair) == GOOD
        answer = pair.ask()

    assert (answer.status, answer.header("X-Road-Error")) == (
        502,
        "server.clientproxy.invalid_signature",
    )
    assert "exchange_refused code=server.clientproxy.invalid_signature" in caplog.text


UNREADABLE: dict[str, Any] = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "a number": b"5",
    "depth": b"[" * 200_000,
    "no message": b"{}",
    "a message that is none": b'{"message": 5}',
    "a number that is none": b'{"message": "x", "detail": 5}',
    "for ever": b'{"message": "x", "retry_after": 1e999}',
    "for long": b'{"message": "x", "retry_after": 999999999999}',
    "since long": b'{"message": "x", "retry_after": -1}',
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_a_fault_that_cannot_be_read_is_one_and_nobody_waits(pair: Pair, body: bytes) -> None:
    fault = (b"pencere-fault", b"ACCESS_DENIED")
    with provider(pair, lambda to: answered(pair, to, [*to.own.items(), fault], body=body)):
        is_signed = outcome(pair)
    with provider(pair, lambda to: body):
        is_not = outcome(pair)

    assert is_signed == (502, "server.clientproxy.inconsistent_response")
    assert is_not == (502, "server.clientproxy.network_error")


def test_a_fault_says_nothing_that_could_not_be_told_on(pair: Pair) -> None:
    fault = (b"pencere-fault", b"ACCESS_DENIED")
    body = b'{"message": "a\\u0000b\\ud800c\\nd\\ufffe"}'
    with provider(pair, lambda to: answered(pair, to, [*to.own.items(), fault], body=body)):
        answer = pair.ask()

    assert (answer.status, answer.json["message"]) == (403, "a\ufffdb\ufffdc\nd\ufffd")


@pytest.mark.parametrize("made", [b"", b"nonsense", b'{"kind": "NONE", "message": "x"}'], ids=repr)
def test_what_is_no_answer_is_a_fault_of_the_network(pair: Pair, made: bytes) -> None:
    with provider(pair, lambda to: made):
        assert outcome(pair) == (502, "server.clientproxy.network_error")
