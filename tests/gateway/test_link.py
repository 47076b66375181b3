"""Between nodes: what a peer may not get away with, and what survives a crash."""

import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from tests.gateway.conftest import (
    CONSUMER,
    OTHER_PERSON,
    PROVIDER,
    SERVICE,
    Answer,
    Pair,
    ask,
    head_bytes,
    headers,
    read_answer,
    wait_until,
)

from pencere.gateway.directory.model import fingerprint_of
from pencere.gateway.log.sealing import person_in_leaf
from pencere.gateway.wire import envelope as wire
from pencere.gateway.wire import evidence, head
from pencere.ledger.checkpoint import Checkpoint
from pencere.ledger.proofs import leaf_hash, verify_inclusion
from pencere.ledger.sequencer import Sequencer

ORIGIN = "pencere.az/gateway_agencies"


class LogKey:
    """The key of the log."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._key.public_key()

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))


LOG_KEY = LogKey()


def signed(pair: Pair, exchange: str | None = None, **changes: Any) -> wire.Envelope:
    """A request as the consumer's node would sign it."""
    exchange = exchange or str(uuid.uuid4())
    pairs = [(name.encode(), value.encode()) for name, value in headers(key=None)]
    pairs += [(b"x-road-request-id", exchange.encode()), (b"x-road-id", b"m-1")]
    block = head.request_bytes("POST", SERVICE + "/query", pairs)
    body = b'{"by": 1}'
    values = {
        "kind": "request",
        "exchange": exchange,
        "signer": CONSUMER,
        "receiver": PROVIDER,
        "certificate": fingerprint_of(pair.keys[0].certificate),
        "time": evidence.format_time(pair.clocks[0].now()),
        "head": head.digest(block),
        "body": head.digest(body),
    }
    draft = evidence.Statement(**(values | changes))
    [(_, proof)] = evidence.sign([draft], pair.keys[0], draft.certificate, draft.time)
    return wire.Envelope(block, body, proof.to_bytes())


def send(pair: Pair, packed: bytes, tls_of: int = 0) -> Answer:
    """Speak to the provider's link as a node does."""
    context = ssl.create_default_context(cafile=str(pair.anchors))
    context.check_hostname = False
    context.load_cert_chain(*map(str, pair.files[tls_of]))
    with (
        socket.create_connection(("127.0.0.1", pair.link_ports[1]), timeout=10) as plain,
        context.wrap_socket(plain) as connection,
    ):
        connection.sendall(head_bytes("POST", "/exchange", [], packed))
        return read_answer(connection, "POST")


def fault_of(answer: Answer) -> str:
    """The kind of fault, signed or not; empty when served."""
    if answer.status != 200:
        return str(answer.json["kind"])
    found = head.parse_response(wire.unpack(answer.body).head).values
    return found.get(b"pencere-fault", b"").decode()


def test_a_properly_signed_request_is_served_and_the_answer_is_signed_for_it(pair: Pair) -> None:
    pair.start(1)
    request = signed(pair)

    answer = wire.unpack(send(pair, wire.pack(request)).body)

    proof = evidence.parse_evidence(answer.evidence)
    asked = evidence.parse_evidence(request.evidence)
    exchange = head.parse_request(request.head).values[b"x-road-request-id"].decode()
    base = evidence.Statement(
        "request", exchange, CONSUMER, PROVIDER, asked.certificate, asked.time,
        head.digest(request.head), head.digest(request.body),
    )  # fmt: skip
    statement = evidence.Statement(
        "response", exchange, PROVIDER, CONSUMER, proof.certificate, proof.time,
        head.digest(answer.head), head.digest(answer.body), evidence.statement_digest(base),
    )  # fmt: skip
    key = pair.keys[1].certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert evidence.verify(statement, proof, key)
    other = replace(statement, request=bytes(32))
    assert not evidence.verify(other, proof, key)


def test_a_changed_head_or_body_is_refused(pair: Pair) -> None:
    pair.start(1)
    good = signed(pair)
    changed_body = good._replace(body=b'{"by": 2}')
    changed_head = good._replace(head=good.head.replace(b"identify", b"identifx"))
    no_body = good._replace(body=b"")

    faults = [fault_of(send(pair, wire.pack(one))) for one in (changed_body, changed_head, no_body)]

    assert faults == ["INVALID_SIGNATURE"] * 3
    assert pair.upstream.calls == []


def test_a_signature_for_another_receiver_kind_or_signer_is_refused(pair: Pair) -> None:
    pair.start(1)
    wrong = [
        signed(pair, receiver="AZ/GOV/other/node"),
        signed(pair, kind="response"),
        signed(pair, signer=PROVIDER),
        signed(pair, certificate="0" * 64),
    ]

    assert {fault_of(send(pair, wire.pack(one))) for one in wrong} == {"INVALID_SIGNATURE"}


def test_a_node_may_ask_only_for_the_systems_it_serves(pair: Pair) -> None:
    pair.start(1)
    nodes = pair.payload(2)["nodes"]
    nodes[0]["serves"] = []
    pair.publish(2, to=(1,), nodes=nodes)
    wait_until(lambda: pair.version(1) == 2)

    assert fault_of(send(pair, wire.pack(signed(pair)))) == "ACCESS_DENIED"


def test_what_is_no_envelope_is_refused_without_harm(pair: Pair) -> None:
    pair.start(1)
    good = wire.pack(signed(pair))
    bad = [b"", b"nonsense", good[:-1], good + b"x", good.replace(b"PX1\n", b"PX2\n"), good + good]

    assert [fault_of(send(pair, one)) for one in bad] == ["INVALID_REQUEST"] * len(bad)
    assert fault_of(send(pair, good)) == ""


def test_a_replayed_request_is_refused_even_after_a_restart(pair: Pair) -> None:
    pair.start(1)
    packed = wire.pack(signed(pair))
    assert fault_of(send(pair, packed)) == ""

    again = fault_of(send(pair, packed))
    pair.stop(1)
    pair.start(1)
    after_restart = fault_of(send(pair, packed))

    assert (again, after_restart, len(pair.upstream.calls)) == ("REPLAYED", "REPLAYED", 1)


def test_of_two_simultaneous_requests_with_one_id_one_is_served(pair: Pair) -> None:
    pair.start(1)
    exchange = str(uuid.uuid4())
    packed = [wire.pack(signed(pair, exchange)) for _ in range(8)]

    with ThreadPoolExecutor(8) as threads:
        faults = sorted(
            fault_of(answer) for answer in threads.map(lambda one: send(pair, one), packed)
        )

    assert faults == [""] + ["REPLAYED"] * 7
    assert len(pair.upstream.calls) == 1


def test_a_stranger_to_the_directory_cannot_connect(pair: Pair) -> None:
    nodes = pair.payload(1)["nodes"]
    pair.publish(1, nodes=nodes[1:])
    pair.start(1)

    try:
        answer: Answer | None = send(pair, wire.pack(signed(pair)))
    except (OSError, ssl.SSLError, ConnectionError):
        answer = None

    assert answer is None
    assert pair.upstream.calls == []


def find_usage(pair: Pair, body: bytes = b'{"limit": 10}', **changes: str | None) -> Answer:
    path = "/r1/AZ/GOV/mia/population/findUsage"
    return ask(pair.ports[0], "POST", path, headers(**changes), body)


def test_a_person_sees_each_access_with_a_proof_that_verifies(pair: Pair) -> None:
    person = "7" + uuid.uuid4().hex[:6].upper()
    pair.start()
    mine: dict[str, str | None] = {"person": person, "user": f"AZ{person}"}
    asked = [pair.ask(headers(**mine)), pair.ask(headers(**mine, case="2026-000124"))]
    pair.ask(headers(person=OTHER_PERSON, user=f"AZ{OTHER_PERSON}"))
    sequencer = Sequencer(pair.databases[1].app, ORIGIN, LOG_KEY, interval_s=0.02)
    sequencer.start()
    try:
        wait_until(
            lambda: all(one["proof"] is not None for one in find_usage(pair, **mine).json["usages"])
        )
    finally:
        sequencer.stop()
    found = find_usage(pair, **mine).json

    assert (found["totalUsages"], len(found["usages"])) == (2, 2)
    newest, first = found["usages"]
    assert [newest["case"], first["case"]] == ["2026-000124", "2026-000123"]
    assert {
        key: first[key]
        for key in ("action", "receiverCode", "receiverSystem", "purpose", "legalBasis", "exchange")
    } == {
        "action": "POST /query",
        "receiverCode": "idda",
        "receiverSystem": "portal",
        "purpose": "identify",
        "legalBasis": "personal-data-law",
        "exchange": asked[0].header("x-road-request-id"),
    }
    _verify(first, person)


def test_nobody_sees_who_looked_at_anothers_data(pair: Pair) -> None:
    pair.start()
    pair.ask()

    answer = find_usage(pair, user=f"AZ{OTHER_PERSON}")

    assert (answer.status, answer.header("X-Road-Error")) == (
        403,
        "server.serverproxy.access_denied",
    )


def someone() -> tuple[str, dict[str, str | None]]:
    """Return a FIN that no other test uses, and the headers of a person who asks about it."""
    person = "7" + uuid.uuid4().hex[:6].upper()
    return person, {"person": person, "user": f"AZ{person}"}


def test_a_person_sees_who_acted_and_for_which_body_but_not_the_officer(pair: Pair) -> None:
    person, mine = someone()
    pair.start()
    pair.ask(headers(**mine))
    pair.ask(headers(person=person, user=f"AZ{OTHER_PERSON}", represented="GOV/mia"))
    pair.ask(headers(person=person, user="system", represented="GOV/mia"))

    found = find_usage(pair, **mine)

    said = [
        (one["representedParty"], one["self"], one["automatic"]) for one in found.json["usages"]
    ]
    entries = [json.loads(one["leaf"]["entry"]) for one in found.json["usages"]]
    mia = {"class": "GOV", "code": "mia"}
    assert said == [(mia, False, True), (mia, False, False), (None, True, False)]
    assert [(one["format"], one["represented"], one["actor"]) for one in entries] == [
        ("pencere-access/3", "GOV/mia", "system"),
        ("pencere-access/3", "GOV/mia", "person"),
        ("pencere-access/3", None, "self"),
    ]
    assert OTHER_PERSON not in found.body.decode()


def test_an_auditor_finds_an_officers_accesses_by_a_keyed_digest(pair: Pair) -> None:
    person, _ = someone()
    officer = f"8{uuid.uuid4().hex[:6].upper()}"
    pair.start()
    pair.ask(headers(person=person, user=f"AZ{officer}", represented="GOV/mia"))

    digest = pair.node(1).core.sealer.person_digest(officer).hex()

    rows = pair.rows(
        1,
        "select represented, actor from gateway.request"
        f" where side = 'provider' and actor_digest = '\\x{digest}'",
    )
    assert rows == [("GOV/mia", "person")]
    assert officer not in str(pair.rows(1, "select * from gateway.request"))


def test_a_row_of_before_the_actor_was_kept_still_says_who_it_was(pair: Pair) -> None:
    person, mine = someone()
    pair.start()
    pair.ask(headers(**mine))
    pair.ask(headers(person=person, user=f"AZ{OTHER_PERSON}"))
    with psycopg.connect(pair.databases[1].superuser) as root:
        root.execute("set session_replication_role = replica")
        root.execute(
            "update gateway.request set actor = '', actor_digest = null where person_digest = %s",
            [pair.node(1).core.sealer.person_digest(person)],
        )

    found = find_usage(pair, **mine).json

    assert [one["self"] for one in found["usages"]] == [False, True]


@pytest.mark.parametrize(
    ("party", "code"),
    [
        ("GOV/nobody", "server.clientproxy.access_denied"),
        ("COM/mia", "server.clientproxy.access_denied"),
        ("mia", "server.clientproxy.access_denied"),
        ("GOV/mia/population", "server.clientproxy.internal_error"),
        ("GOV//", "server.clientproxy.internal_error"),
        ("G" * 201, "server.clientproxy.internal_error"),
    ],
)
def test_a_party_that_is_no_member_is_not_represented(pair: Pair, party: str, code: str) -> None:
    pair.start()

    answer = pair.ask(headers(represented=party))

    assert answer.header("X-Road-Error") is not None
    assert answer.header("X-Road-Error").replace("serverproxy", "clientproxy") == code  # type: ignore[union-attr]
    assert pair.upstream.calls == []


def test_an_agreement_may_name_whom_a_shared_system_represents(pair: Pair) -> None:
    agreements = pair.payload(1)["agreements"]
    agreements[0]["represents"] = ["GOV/dyp"]
    pair.publish(1, agreements=agreements)
    pair.start()

    named, other, nobody = (
        pair.ask(headers(represented=party)) for party in ("GOV/dyp", "GOV/mia", None)
    )

    assert (named.status, other.status, nobody.status) == (200, 403, 200)
    assert [call.header("X-Road-Represented-Party") for call in pair.upstream.calls] == [
        "GOV/dyp",
        None,
    ]


def test_accesses_are_asked_for_page_by_page_or_one_by_its_number(pair: Pair) -> None:
    _, mine = someone()
    pair.start()
    first = pair.ask(headers(**mine)).header("x-road-request-id")
    for clock in pair.clocks:
        clock.advance(timedelta(hours=1))
    pair.ask(headers(**mine))
    day = find_usage(pair, **mine).json["usages"][0]["logtime"]

    before = find_usage(pair, json.dumps({"before": day}).encode(), **mine).json
    one = find_usage(pair, json.dumps({"exchange": first}).encode(), **mine).json
    wrong = [
        find_usage(pair, body, **mine).status
        for body in (b'{"before": "2026-11-22"}', b'{"before": 1}', b'{"exchange": "x"}')
    ]

    assert (before["totalUsages"], [usage["exchange"] for usage in before["usages"]]) == (
        1,
        [first],
    )
    assert [usage["exchange"] for usage in one["usages"]] == [first]
    assert wrong == [400, 400, 400]


def _verify(usage: dict[str, Any], person: str) -> None:
    entry = usage["leaf"]["entry"].encode()
    checkpoint = Checkpoint.open(usage["checkpoint"], LOG_KEY.public_key, ORIGIN)
    proof = [base64.b64decode(one) for one in usage["proof"]]
    assert verify_inclusion(
        leaf_hash(entry), usage["leaf"]["index"], checkpoint.size, proof, checkpoint.root
    )
    content = json.loads(entry)
    assert content["person"] == person_in_leaf(bytes.fromhex(usage["salt"]), person)
    assert person not in usage["leaf"]["entry"]


NODE_SCRIPT = """
import base64, json, sys
from pathlib import Path
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pencere.gateway.config import NodeConfig
from pencere.gateway.node import run
from pencere.gateway.throwaway import ThrowawayKey

given = json.loads(sys.argv[1])
crt, key = Path(given["tls_certificate"]), Path(given["tls_key"])
signer = ThrowawayKey(
    serialization.load_pem_private_key(key.read_bytes(), None),
    x509.load_pem_x509_certificate(crt.read_bytes()),
)

def verify(jws, at):
    part = jws.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))

paths = ("tls_certificate", "tls_key", "tls_anchors", "node_file", "directory_file",
         "directory_cache")
values = {name: Path(value) if name in paths else value for name, value in given.items()}
run(NodeConfig(signer=signer, verify_directory=verify, **values))
"""


def _run_node(pair: Pair, at: int) -> "subprocess.Popen[bytes]":
    config = pair.config(at)
    names = (
        "node", "database_url", "secret", "tls_certificate", "tls_key", "tls_anchors", "node_file",
        "directory_file", "directory_cache", "client_port", "link_port",
    )  # fmt: skip
    values = {name: getattr(config, name) for name in names}
    given = json.dumps({k: str(v) if isinstance(v, Path) else v for k, v in values.items()})
    process = subprocess.Popen([sys.executable, "-c", NODE_SCRIPT, given])

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", pair.ports[at])) == 0

    wait_until(listens, 20)
    return process


def test_after_kill_9_while_the_service_worked_the_access_still_shows(pair: Pair) -> None:
    person = "8" + uuid.uuid4().hex[:6].upper()
    mine: dict[str, str | None] = {"person": person, "user": f"AZ{person}"}
    pair.start(0)
    provider = _run_node(pair, 1)
    pair.upstream.delay_s = 5.0
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(pair.ask(headers(**mine))))
    thread.start()
    wait_until(lambda: len(pair.upstream.calls) == 1, 10)

    os.kill(provider.pid, signal.SIGKILL)
    provider.wait()
    thread.join()
    pair.upstream.released.set()
    provider = _run_node(pair, 1)
    try:
        # Its own node knows that there was no answer; the provider's knows that it does not know.
        assert answers[0].header("X-Road-Error") == "server.clientproxy.network_error"
        wait_until(lambda: find_usage(pair, **mine).json["totalUsages"] == 1)
        usage = find_usage(pair, **mine).json["usages"][0]
        assert (usage["outcome"], usage["case"]) == ("interrupted", "2026-000123")
    finally:
        provider.terminate()
        provider.wait(20)
