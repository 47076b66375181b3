"""The public log as anybody reads it over HTTP, and who is told of what."""

import base64
import hashlib
import json
import time
from typing import Any

import psycopg
import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key
from tests.trust.conftest import Service
from tests.trust.serve_trust import RA_SECRET

from pencere.ledger.checkpoint import Checkpoint
from pencere.ledger.proofs import join, leaf_hash, perfect_nodes, verify_consistency
from pencere.ledger.tiles import bundle_of, decode_bundle, decode_hashes
from pencere.ledger.verify import verify_entry
from pencere.trust.holders import watch_key
from pencere.trust.monitor import Log, Seen, look
from pencere.trust.store import Reason

ORIGIN = "pencere.az/trust"
BEARER = {"Authorization": f"Bearer {RA_SECRET}"}


def get(service: Service, path: str, **query: object) -> requests.Response:
    return requests.get(f"{service.base_url}/log/{path}", params=query, timeout=5)


def head(service: Service) -> tuple[Checkpoint, str]:
    note = get(service, "checkpoint").text
    key = load_pem_public_key(get(service, "key").content)
    return Checkpoint.open(note, key, ORIGIN), note


def settled(service: Service) -> Checkpoint:
    """Wait until everything written so far is under a signed head."""
    with psycopg.connect(service.centre.issuance.conninfo) as connection:
        (waiting,) = connection.execute("select count(*) from ledger.pending").fetchone()
    for _ in range(100):
        answer = get(service, "checkpoint")
        if answer.status_code == 200 and head(service)[0].size >= waiting:
            break
        time.sleep(0.1)
    return head(service)[0]


def post(service: Service, path: str, content: object, **headers: str) -> requests.Response:
    return requests.post(
        f"{service.base_url}/log/{path}", json=content, headers={**BEARER, **headers}, timeout=5
    )


def test_tiles_and_bundles_lead_to_the_signed_root(service: Service) -> None:
    checkpoint = settled(service)
    size = checkpoint.size
    assert 0 < size < 256
    tile = get(service, f"tile/0/000.p/{size}")
    bundle = get(service, f"tile/{bundle_of(0, size).path}")

    leaves = decode_hashes(tile.content)
    assert [leaf_hash(one) for one in decode_bundle(bundle.content)] == leaves
    parts = [leaves[n << level : (n + 1) << level] for level, n in perfect_nodes((0, size))]
    assert join([_perfect(part) for part in parts]) == checkpoint.root
    assert tile.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def _perfect(row: list[bytes]) -> bytes:
    while len(row) > 1:
        pairs = zip(row[::2], row[1::2], strict=True)
        row = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return row[0]


def test_an_entry_is_proved_by_index_and_by_hash(service: Service) -> None:
    checkpoint, note = settled(service), head(service)[1]
    (one,) = get(service, "entries", start=3, end=4).json()["entries"]
    entry = one["entry"].encode()
    size = int(note.split("\n")[1])

    by_index = get(service, "proof/inclusion", index=3, size=size).json()
    by_hash = get(service, "proof/inclusion", hash=leaf_hash(entry).hex(), size=size).json()

    verdict = verify_entry(
        entry=entry,
        index=3,
        proof=[base64.b64decode(each) for each in by_index["proof"]],
        checkpoint=note,
        public_key=load_pem_public_key(get(service, "key").content),
        origin=ORIGIN,
    )
    assert (by_index, verdict.included, checkpoint.size <= size) == (by_hash, True, True)


def test_two_heads_are_consistent(service: Service) -> None:
    first = settled(service)
    service.enrol("5ABCDE8", "+994501110008")
    second = settled(service)

    answer = get(service, "proof/consistency", first=first.size, second=second.size).json()

    proof = [base64.b64decode(each) for each in answer["proof"]]
    assert second.size > first.size
    assert verify_consistency(first.size, second.size, proof, first.root, second.root)


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("tile/0/999", {}, 404),
        ("tile/../../ca", {}, 404),
        ("tile/x", {}, 400),
        ("entries", {}, 400),
        ("entries", {"start": 5, "end": 5}, 400),
        ("entries", {"start": -1, "end": 5}, 400),
        ("entries", {"start": 10**18, "end": 10**18 + 1}, 400),
        ("entries", {"start": "9" * 30, "end": 5}, 400),
        ("proof/inclusion", {"index": 0, "size": 10**9}, 404),
        ("proof/inclusion", {"index": 5, "size": 5}, 404),
        ("proof/inclusion", {"hash": "00" * 32, "size": 5}, 404),
        ("proof/inclusion", {"hash": "zz", "size": 5}, 400),
        ("proof/inclusion", {"index": 0, "size": 0}, 400),
        ("proof/consistency", {"first": 3, "second": 2}, 400),
        ("proof/consistency", {"first": 0, "second": 10**9}, 404),
        ("notices", {"after": 0, "channel": "portal"}, 401),
    ],
)
def test_what_there_is_not_is_refused(
    service: Service, path: str, query: dict[str, object], status: int
) -> None:
    settled(service)

    assert get(service, path, **query).status_code == status


def test_no_personal_number_stands_in_the_log(service: Service) -> None:
    enrolee = service.enrol("6ABCDE9", "+994501110009")
    size = settled(service).size
    content = b"".join(
        get(service, f"tile/{bundle_of(start, size).path}").content for start in range(0, size, 256)
    )

    assert enrolee.person.fin.encode() not in content
    assert watch_key(b"k" * 32, f"PNOAZ-{enrolee.person.fin}").hex().encode() not in content


def test_every_kind_of_fact_is_a_leaf(service: Service) -> None:
    enrolee = service.enrol("7ABCDE7", "+994501110007")
    service.centre.issuance.revoke(enrolee.signature, Reason.SUPERSEDED)
    use_a_seal(service)
    size = settled(service).size
    found = get(service, "entries", start=max(0, size - 256), end=size).json()["entries"]
    kinds = {one["kind"] for one in found}

    assert {"certificate", "revocation", "ceremony", "activation", "seal"} - kinds == set()
    assert {one["kind"] for one in found} == {kind_in(one["entry"]) for one in found}


def kind_in(entry: str) -> Any:
    return json.loads(entry)["kind"]


def use_a_seal(service: Service) -> None:
    digest = base64.b64encode(hashlib.sha256(b"document").digest()).decode()
    token = {"Authorization": f"Bearer {service.seal_token}"}
    asked = {"credentialID": "seal-dyp", "numSignatures": 1, "hash": [digest]}
    base = f"{service.base_url}/csc/v1"
    sad = requests.post(f"{base}/credentials/authorize", json=asked, headers=token, timeout=5)
    content = {
        "credentialID": "seal-dyp",
        "SAD": sad.json()["SAD"],
        "hash": [digest],
        "hashAlgo": "2.16.840.1.101.3.4.2.1",
        "signAlgo": "1.2.840.10045.4.3.2",
    }
    done = requests.post(f"{base}/signatures/signHash", json=content, headers=token, timeout=5)
    assert done.status_code == 200, done.text


def test_a_person_watches_with_the_key_the_portal_hands_them(service: Service) -> None:
    handle = post(service, "watch", {"holder": "4ABCDE6"}).json()["handle"]
    enrolee = service.enrol("4ABCDE6", "+994501110006")
    settled(service)
    key = load_pem_public_key(get(service, "key").content)
    log = Log(f"{service.base_url}/log", ORIGIN, key)

    _, found = look(log, Seen(ORIGIN), bytes.fromhex(handle), keep=lambda _: None)
    log.session.close()

    issued = {enrolee.authentication, enrolee.signature}
    assert {one.entry["sha256"] for one in found} == {
        hashlib.sha256(one.public_bytes(Encoding.DER)).hexdigest() for one in issued
    }


def test_a_subscriber_is_told_from_then_on_and_not_of_others(service: Service) -> None:
    old = service.enrol("3ABCDE5", "+994501110005")
    settled(service)
    first = post(service, "subscriptions", {"holder": "3ABCDE5", "channel": "portal"})
    again = post(service, "subscriptions", {"holder": "3ABCDE5", "channel": "portal"})
    start = settled(service).size
    new = service.enrol("3ABCDE5", "+994501110015")
    service.enrol("2ABCDE4", "+994501110004")
    settled(service)

    told = notices(service, 0)
    later = notices(service, start)
    ended = post(service, "subscriptions/end", {"id": first.json()["id"], "channel": "portal"})
    gone = post(service, "subscriptions/end", {"id": first.json()["id"], "channel": "portal"})

    assert first.json() == again.json()
    fresh = {f"{one.serial_number:x}" for one in (new.authentication, new.signature)}
    closed = {f"{one.serial_number:x}" for one in (old.authentication, old.signature)}
    assert {(one["kind"], one["serial"]) for one in told} == {
        *(("certificate", one) for one in fresh),
        *(("revocation", one) for one in closed),
    }
    assert {one["subscription"] for one in told} == {first.json()["id"]}
    assert told == later
    assert (ended.status_code, gone.status_code, notices(service, 0)) == (200, 404, [])


def notices(service: Service, after: int) -> list[dict[str, Any]]:
    answer = requests.get(
        f"{service.base_url}/log/notices",
        params={"after": after, "channel": "portal"},
        headers=BEARER,
        timeout=5,
    )
    return list(answer.json()["notices"])


@pytest.mark.parametrize(
    ("path", "content", "bearer", "status"),
    [
        ("watch", {"holder": "3ABCDE5"}, "x" * 40, 401),
        ("watch", {"holder": "3ABCDE5"}, "", 401),
        ("watch", {"holder": "no FIN"}, RA_SECRET, 400),
        ("watch", {}, RA_SECRET, 400),
        ("subscriptions", {"holder": "3ABCDE5"}, RA_SECRET, 400),
        ("subscriptions", {"holder": "3ABCDE5", "channel": "../x"}, RA_SECRET, 400),
        ("subscriptions/end", {"id": "x", "channel": "portal"}, RA_SECRET, 400),
    ],
)
def test_only_the_channel_asks_for_persons(
    service: Service, path: str, content: object, bearer: str, status: int
) -> None:
    answer = post(service, path, content, Authorization=f"Bearer {bearer}")

    assert answer.status_code == status
