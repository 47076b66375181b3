"""Nodes that ask and do not keep to the rules: refused with a reason, nothing reaches a service."""

import contextlib
import json
import socket
import ssl
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import pytest
from tests.gateway.conftest import (
    CONSUMER,
    PROVIDER,
    SERVICE,
    Answer,
    Pair,
    head_bytes,
    headers,
    wait_until,
)
from tests.gateway.test_link import fault_of, send

from pencere.gateway.directory.model import fingerprint_of
from pencere.gateway.throwaway import ThrowawayKey, make_key
from pencere.gateway.wire import envelope as wire
from pencere.gateway.wire import evidence, head
from pencere.kernel.clock import FixedClock

BODY = b'{"by": 1}'
Pairs = list[tuple[bytes, bytes]]


def head_of(exchange: str, more: Pairs) -> bytes:
    given = [(name.encode(), value.encode()) for name, value in headers(key=None)]
    own = [(b"x-road-request-id", exchange.encode()), (b"x-road-id", b"m-1")]
    return head.request_bytes("POST", SERVICE + "/query", given + own + more)


def signed(
    pair: Pair,
    block: bytes,
    exchange: str,
    *,
    key: ThrowawayKey | None = None,
    ago: timedelta = timedelta(),
) -> wire.Envelope:
    """An envelope that the consumer's node signs, or somebody in its name."""
    key = key or pair.keys[0]
    at = evidence.format_time(pair.clocks[0].now() - ago)
    draft = evidence.Statement(
        "request", exchange, CONSUMER, PROVIDER, "", "", head.digest(block), head.digest(BODY)
    )
    [(_, proof)] = evidence.sign([draft], key, fingerprint_of(key.certificate), at)
    return wire.Envelope(block, BODY, proof.to_bytes())


def told(answer: Answer) -> str:
    """What the fault of an answer says, signed or not."""
    body = answer.body if answer.status != 200 else wire.unpack(answer.body).body
    return str(json.loads(bytes(body))["message"])


def refused(pair: Pair, envelope: wire.Envelope) -> tuple[str, str]:
    packed = wire.pack(envelope)
    assert isinstance(packed, bytes)
    answer = send(pair, packed)
    return fault_of(answer), told(answer)


OF_THE_GATEWAY = {
    "fields": (b"Pencere-Fields", b"all"),
    "agreement": (b"pencere-AGREEMENT", b"a-9"),
    "fault": (b"Pencere-Fault", b"NONE"),
    "key": (b"Pencere-Client-Key", b"k"),
    "service": (b"X-Road-Service", b"AZ/GOV/mia/population/other"),
    "hash": (b"X-Road-Request-Hash", b"AAAA"),
    "error": (b"X-Road-Error", b"none"),
    "underscores": (b"X_Road_Client", b"AZ/GOV/mia/population"),
    "host": (b"Host", b"elsewhere.test"),
    "length": (b"Content-Length", b"0"),
    "coding": (b"Transfer-Encoding", b"chunked"),
    "connection": (b"Connection", b"close"),
    "expect": (b"Expect", b"100-continue"),
    "upgrade": (b"Upgrade", b"h2c"),
}
TWICE = {
    "client": (b"X-Road-Client", b"AZ/GOV/idda/portal"),
    "user": (b"X-ROAD-USERID", b"AZ6ABCD12"),
    "message": (b"X-Road-Id", b"m-2"),
}


@pytest.mark.parametrize("header", (OF_THE_GATEWAY | TWICE).values(), ids=OF_THE_GATEWAY | TWICE)
def test_what_a_consumers_node_may_not_say_does_not_reach_the_service(
    pair: Pair, header: tuple[bytes, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    pair.start(1)
    exchange = str(uuid.uuid4())

    found = refused(pair, signed(pair, head_of(exchange, [header]), exchange))

    name = header[0].decode().lower()
    why = "is there twice" if header in TWICE.values() else "is not for a node to pass on"
    assert found == ("INVALID_REQUEST", f"node {CONSUMER} sent a header: {name} {why}")
    assert pair.upstream.calls == []
    assert f"exchange_refused code=server.serverproxy.invalid_request exchange={exchange}" in (
        caplog.text
    )
    kept = f"select code, message from gateway.refusal where exchange = '{exchange}'"
    wait_until(lambda: pair.rows(1, kept) == [("server.serverproxy.invalid_request", found[1])])


@pytest.mark.parametrize(
    "line",
    [
        b"X Own:a",
        b"X-Own\t:a",
        b":a",
        b"no colon",
        b"X-Own:a\x0bb",
        b"X-Own:a\x7f",
        b"X-\xc3\xb6:a",
    ],
    ids=repr,
)
def test_a_signed_line_that_is_no_header_is_not_forwarded(pair: Pair, line: bytes) -> None:
    pair.start(1)
    exchange = str(uuid.uuid4())

    found = refused(pair, signed(pair, head_of(exchange, []) + line + b"\r\n", exchange))

    assert found == ("INVALID_REQUEST", "not an envelope of a request")
    assert pair.upstream.calls == []


def test_an_exchange_has_one_spelling(pair: Pair) -> None:
    pair.start(1)
    exchange = str(uuid.uuid4())
    spellings = [exchange.upper(), exchange.replace("-", ""), f"{{{exchange}}}"]

    found = [refused(pair, signed(pair, head_of(one, []), exchange))[0] for one in spellings]

    assert found == ["INVALID_REQUEST"] * 3
    assert pair.upstream.calls == []


def test_another_client_than_was_signed_gets_nothing(pair: Pair) -> None:
    pair.start(1)
    exchange = str(uuid.uuid4())
    good = signed(pair, head_of(exchange, []), exchange)
    other = good._replace(head=good.head.replace(b"idda/portal", b"mia/population"))

    assert refused(pair, other)[0] == "INVALID_SIGNATURE"
    assert pair.upstream.calls == []


def test_a_client_of_another_node_gets_nothing_though_it_is_signed(pair: Pair) -> None:
    pair.start(1)
    exchange = str(uuid.uuid4())
    block = head_of(exchange, []).replace(b"idda/portal", b"mia/population")

    found = refused(pair, signed(pair, block, exchange))

    assert found == ("ACCESS_DENIED", f"node {CONSUMER} does not serve AZ/GOV/mia/population")
    assert pair.upstream.calls == []


class Keys(NamedTuple):
    """Who signs, and what the directory says of the key."""

    key: ThrowawayKey
    is_named: bool = True
    is_revoked: bool = False


def unknown(pair: Pair) -> Keys:
    return Keys(make_key(CONSUMER, pair.clocks[0]), is_named=False)


def revoked(pair: Pair) -> Keys:
    return Keys(make_key(CONSUMER, pair.clocks[0]), is_revoked=True)


def expired(pair: Pair) -> Keys:
    begun = pair.clocks[0].now() - timedelta(days=365, seconds=1)
    return Keys(make_key(CONSUMER, FixedClock(begun)))


def not_begun(pair: Pair) -> Keys:
    begins = pair.clocks[0].now() + timedelta(days=1, seconds=2)
    return Keys(make_key(CONSUMER, FixedClock(begins)))


NAMES_NONE, NOT_VALID = "the directory names no signing certificate ", "was not valid at "


@pytest.mark.parametrize(
    ("make", "why"),
    [(unknown, NAMES_NONE), (revoked, NAMES_NONE), (expired, NOT_VALID), (not_begun, NOT_VALID)],
)
def test_what_such_a_key_signs_is_nobodys_request(
    pair: Pair, make: Callable[[Pair], Keys], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = make(pair)
    payload = pair.payload(1)
    if made.is_named:
        payload["nodes"][0]["certificates"].append(made.key.entry("sign"))
    if made.is_revoked:
        payload["revoked"] = [fingerprint_of(made.key.certificate)]
    pair.publish(**payload)
    pair.start(1)
    exchange = str(uuid.uuid4())

    kind, message = refused(pair, signed(pair, head_of(exchange, []), exchange, key=made.key))

    assert (kind, why in message) == ("INVALID_SIGNATURE", True)
    assert pair.upstream.calls == []
    assert "link_refused code=server.serverproxy.invalid_signature" in caplog.text


def test_on_the_last_day_of_a_key_its_signature_counts(pair: Pair) -> None:
    begun = pair.clocks[0].now() - timedelta(days=364, hours=23)
    key = make_key(CONSUMER, FixedClock(begun))
    payload = pair.payload(1)
    payload["nodes"][0]["certificates"].append(key.entry("sign"))
    pair.publish(**payload)
    pair.start(1)
    exchange = str(uuid.uuid4())

    packed = wire.pack(signed(pair, head_of(exchange, []), exchange, key=key))

    assert isinstance(packed, bytes)
    assert fault_of(send(pair, packed)) == ""


def test_a_request_that_was_kept_for_minutes_is_not_served(pair: Pair) -> None:
    pair.start(1)
    exchange = str(uuid.uuid4())
    late = signed(pair, head_of(exchange, []), exchange, ago=timedelta(minutes=3))

    kind, message = refused(pair, late)

    assert (kind, "-180 s from this node's time" in message) == ("CLOCK", True)
    assert pair.upstream.calls == []


def test_a_request_that_was_served_is_not_served_to_another_node(pair: Pair) -> None:
    third = make_key("AZ/GOV/dyp/node", pair.clocks[0])
    pair.files.append(third.write(pair.folder, "third"))
    pair.anchors.write_bytes(b"".join(one.read_bytes() for one, _ in pair.files))
    nodes = pair.payload(1)["nodes"]
    entries = [third.entry("tls"), third.entry("sign")]
    serves = ["AZ/GOV/idda/portal"]
    nodes.append(nodes[0] | {"id": "AZ/GOV/dyp/node", "serves": serves, "certificates": entries})
    pair.publish(1, nodes=nodes)
    pair.start(1)
    exchange = str(uuid.uuid4())
    packed = wire.pack(signed(pair, head_of(exchange, []), exchange))
    assert isinstance(packed, bytes)

    first, again, by_another = (fault_of(send(pair, packed, at)) for at in (0, 0, 2))

    assert (first, again, by_another) == ("", "REPLAYED", "INVALID_SIGNATURE")
    assert len(pair.upstream.calls) == 1


@pytest.mark.parametrize(
    "when",
    [
        "0001-01-01T00:00:00.000+14:00", "9999-12-31T23:59:59.999-14:00",
        "2026-11-22T09:00:00.000+00:00", "2026-11-22",
    ],
)  # fmt: skip
def test_a_time_that_is_none_is_no_evidence(pair: Pair, when: str) -> None:
    pair.start(1)
    exchange = str(uuid.uuid4())
    good = signed(pair, head_of(exchange, []), exchange)
    form, _, rest = good.evidence.split(b" ", 2)

    found = refused(pair, good._replace(evidence=b" ".join([form, when.encode(), rest])))

    assert found == ("INVALID_REQUEST", "not an envelope of a request")


def answer_to(pair: Pair, packed: bytes, shown: tuple[str, str] | None) -> bytes:
    """What comes back to somebody with this certificate and its key, or with none."""
    context = ssl.create_default_context(cafile=str(pair.anchors))
    context.check_hostname = False
    if shown is not None:
        context.load_cert_chain(*shown)
    with (
        contextlib.suppress(ssl.SSLError, ConnectionError),
        socket.create_connection(("127.0.0.1", pair.link_ports[1]), timeout=10) as plain,
        context.wrap_socket(plain) as connection,
    ):
        connection.sendall(head_bytes("POST", "/exchange", [], packed))
        return connection.recv(4096)
    return b""


def test_a_certificate_of_an_unknown_authority_gets_no_answer(pair: Pair) -> None:
    pair.start(1)
    crt, key = make_key(CONSUMER, pair.clocks[0]).write(pair.folder, "stranger")
    own = tuple(map(str, pair.files[0]))
    exchange = str(uuid.uuid4())
    packed = wire.pack(signed(pair, head_of(exchange, []), exchange))
    assert isinstance(packed, bytes)

    by_stranger = answer_to(pair, packed, (str(crt), str(key)))
    by_nobody = answer_to(pair, packed, None)

    assert (by_stranger, by_nobody, pair.upstream.calls) == (b"", b"", [])
    assert answer_to(pair, packed, (own[0], own[1])).startswith(b"HTTP/1.1 200")
    assert len(pair.upstream.calls) == 1
