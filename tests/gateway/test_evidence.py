"""Batch signatures: what a signature of a batch proves, and what it can never be moved to."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.conftest import CONSUMER, PROVIDER

from pencere.gateway.throwaway import make_key
from pencere.gateway.wire import evidence, tree
from pencere.gateway.wire.evidence import Evidence, Statement, VerifiedRoots
from pencere.kernel.clock import SystemClock
from pencere.ledger.proofs import inclusion_proof, root

KEY = make_key(CONSUMER, SystemClock())
PUBLIC = KEY.key.public_key()
CERTIFICATE, TIME = "ab" * 32, "2026-11-22T09:00:00.000Z"


def draft(number: int, **changes: object) -> Statement:
    exchange = f"00000000-0000-4000-8000-{number:012}"
    made = Statement("request", exchange, CONSUMER, PROVIDER, "", "", bytes(64), bytes([1]) * 64)
    return replace(made, **changes)  # type: ignore[arg-type]


def batch(size: int) -> list[tuple[Statement, Evidence]]:
    return evidence.sign([draft(at) for at in range(size)], KEY, CERTIFICATE, TIME)


@given(st.integers(1, 70))
def test_a_batch_grows_the_tree_of_the_ledger(size: int) -> None:
    leaves = [tree.leaf_hash(bytes([at])) for at in range(size)]

    top, paths = tree.grow(leaves)

    assert top == root(leaves)
    assert paths == [b"".join(inclusion_proof(leaves, at)) for at in range(size)]
    assert [tree.climb(leaf, at, size, paths[at]) for at, leaf in enumerate(leaves)] == [top] * size


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_each_message_of_a_batch_verifies_as_it_travels(size: int) -> None:
    cache = VerifiedRoots()

    results = [
        evidence.verify(statement, evidence.parse_evidence(proof.to_bytes()), PUBLIC, cache)
        for statement, proof in batch(size)
    ]

    assert (results, len(cache)) == ([True] * size, 1)


ALTERED: dict[str, dict[str, object]] = {
    "path": {"path": bytes(96)},
    "shorter path": {"path": bytes(64)},
    "no path": {"path": b""},
    "index": {"leaf": 2},
    "size": {"size": 6},
    "larger size": {"size": 9},
    "time": {"time": "2026-11-22T09:00:00.001Z"},
    "certificate": {"certificate": "cd" * 32},
    "signature": {"signature": bytes(70)},
    "form": {"form": "single"},
}


@pytest.mark.parametrize("name", sorted(ALTERED))
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_altered_evidence_proves_nothing(name: str, *, warm: bool) -> None:
    statement, proof = batch(5)[1]
    cache = VerifiedRoots()
    if warm:
        assert evidence.verify(statement, proof, PUBLIC, cache)
    altered = proof._replace(**ALTERED[name])  # type: ignore[arg-type]
    # The receiver takes time and certificate from the evidence, so the statement follows them.
    followed = replace(statement, time=altered.time, certificate=altered.certificate)

    assert not evidence.verify(followed, altered, PUBLIC, cache)
    assert not evidence.verify(statement, altered, PUBLIC, cache)


MOVED: dict[str, dict[str, object]] = {
    "message": {"head": bytes([2]) * 64},
    "body": {"body": None},
    "exchange": {"exchange": "00000000-0000-4000-8000-000000000002"},
    "receiver": {"receiver": "AZ/GOV/other/node"},
    "signer": {"signer": PROVIDER},
    "direction": {"kind": "response"},
    "request": {"request": bytes(32)},
    "version": {"form": "single"},
}


@pytest.mark.parametrize("name", sorted(MOVED))
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_a_signature_cannot_be_moved(name: str, *, warm: bool) -> None:
    statement, proof = batch(5)[1]
    cache = VerifiedRoots()
    if warm:
        assert evidence.verify(statement, proof, PUBLIC, cache)

    assert not evidence.verify(replace(statement, **MOVED[name]), proof, PUBLIC, cache)  # type: ignore[arg-type]


def test_a_root_of_one_key_is_not_believed_of_another() -> None:
    statement, proof = batch(2)[0]
    other = make_key(CONSUMER, SystemClock()).key.public_key()
    cache = VerifiedRoots()
    assert evidence.verify(statement, proof, PUBLIC, cache)

    cache.clear()

    assert not evidence.verify(statement, proof, other, cache)


def test_the_roots_that_are_remembered_are_bounded() -> None:
    cache = VerifiedRoots(limit=3)
    for at in range(5):
        [(statement, proof)] = evidence.sign([draft(at)], KEY, CERTIFICATE, TIME)
        assert evidence.verify(statement, proof, PUBLIC, cache)

    assert len(cache) == 3


def test_version_1_stays_readable() -> None:
    statement = draft(1, form="single", certificate=CERTIFICATE, time=TIME)
    signature = KEY.sign(statement.to_bytes())
    line = f"single {TIME} {CERTIFICATE} {base64.b64encode(signature).decode()}"

    proof = evidence.parse_evidence(line.encode())

    assert proof.to_bytes().decode() == line
    assert statement.to_bytes().startswith(b"pencere-exchange-evidence/1\nform: single\n")
    assert evidence.verify(statement, proof, PUBLIC)
    assert not evidence.verify(replace(statement, receiver=CONSUMER), proof, PUBLIC)


GOOD = batch(2)[1][1].to_bytes().decode().split(" ")
MALFORMED = {
    "empty": [],
    "other form": ["tree", *GOOD[1:]],
    "a part too many": [*GOOD, "x"],
    "a part too few": GOOD[:-1],
    "local time": [GOOD[0], "2026-11-22T13:00:00.000+04:00", *GOOD[2:]],
    "certificate in capitals": [*GOOD[:2], GOOD[2].upper(), *GOOD[3:]],
    "size 0": [*GOOD[:3], "0", *GOOD[4:]],
    "size with a sign": [*GOOD[:3], "+2", *GOOD[4:]],
    "size with a zero": [*GOOD[:3], "02", *GOOD[4:]],
    "size too large": [*GOOD[:3], "65537", *GOOD[4:]],
    "index past the end": [*GOOD[:4], "2", *GOOD[5:]],
    "index in other digits": [*GOOD[:4], "\N{ARABIC-INDIC DIGIT ONE}", *GOOD[5:]],
    "path cut": [*GOOD[:5], base64.b64encode(bytes(31)).decode(), GOOD[6]],
    "path not base64": [*GOOD[:5], "!", GOOD[6]],
    "path in loose base64": [*GOOD[:5], GOOD[5][:-2] + "/=", GOOD[6]],
    "too long": [*GOOD[:5], base64.b64encode(bytes(3200)).decode(), GOOD[6]],
}


@pytest.mark.parametrize("name", sorted(MALFORMED))
def test_what_is_no_evidence_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        evidence.parse_evidence(" ".join(MALFORMED[name]).encode())
