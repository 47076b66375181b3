"""Known answers come from the definition in RFC 6962 section 2.1, written out naively here."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from pencere.ledger import proofs
from pencere.ledger.growth import Edge, hash_of, stored_below
from pencere.ledger.proofs import node_hash

SIZES = range(65)
ENTRIES = [bytes([n]) * n for n in range(64)]
LEAVES = [proofs.leaf_hash(entry) for entry in ENTRIES]


def split(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(entries):
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = split(len(entries))
    return hashlib.sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m, entries):
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def proof(m, entries):
    return subproof(m, entries, True) if 0 < m < len(entries) else []


def subproof(m, entries, complete):
    n = len(entries)
    if m == n:
        return [] if complete else [mth(entries)]
    k = split(n)
    if m <= k:
        return [*subproof(m, entries[:k], complete), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], False), mth(entries[:k])]


def test_the_empty_tree_has_the_root_of_the_rfc():
    assert proofs.root([]).hex() == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_roots_of_the_certificate_transparency_reference_tree():
    # The eight leaves of the reference implementation's own tests.
    entries = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
    entries.append("606162636465666768696a6b6c6d6e6f")
    leaves = [proofs.leaf_hash(bytes.fromhex(entry)) for entry in entries]

    assert [proofs.root(leaves[:1]).hex(), proofs.root(leaves).hex()] == [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]


def test_every_root_to_64_is_the_one_of_the_definition():
    assert [proofs.root(LEAVES[:n]) for n in SIZES] == [mth(ENTRIES[:n]) for n in SIZES]


def test_every_inclusion_proof_to_64_is_the_one_of_the_definition_and_verifies():
    for size in SIZES[1:]:
        root = mth(ENTRIES[:size])
        for index in range(size):
            given_path = proofs.inclusion_proof(LEAVES[:size], index)
            assert given_path == path(index, ENTRIES[:size])
            assert proofs.verify_inclusion(LEAVES[index], index, size, given_path, root)


def test_every_consistency_proof_to_64_is_the_one_of_the_definition_and_verifies():
    roots = [mth(ENTRIES[:n]) for n in SIZES]
    for second in SIZES:
        for first in range(second + 1):
            given_proof = proofs.consistency_proof(LEAVES[:second], first)
            assert given_proof == proof(first, ENTRIES[:second])
            assert proofs.verify_consistency(
                first, second, given_proof, roots[first], roots[second]
            )


def test_no_leaf_verifies_at_another_index_or_size():
    size = 21
    root = proofs.root(LEAVES[:size])
    for index in range(size):
        own = proofs.inclusion_proof(LEAVES[:size], index)
        fitting = [
            (other, n)
            for n in range(1, 40)
            for other in range(n)
            if proofs.verify_inclusion(LEAVES[index], other, n, own, root)
        ]
        # A size is not bound by an inclusion proof alone: only the signed checkpoint binds it.
        assert {other for other, n in fitting if n == size} == {index}


def test_no_tree_is_consistent_with_another_root():
    roots = [proofs.root(LEAVES[:n]) for n in SIZES]
    for first in range(1, 20):
        own = proofs.consistency_proof(LEAVES[:20], first)
        accepted = [
            old
            for old in range(21)
            if proofs.verify_consistency(first, 20, own, roots[old], roots[20])
        ]
        assert accepted == [first]


def test_hostile_proofs_are_refused_and_never_raise():
    root = proofs.root(LEAVES[:8])
    leaf, own = LEAVES[3], proofs.inclusion_proof(LEAVES[:8], 3)
    attempts = [
        (leaf, -1, 8, own),
        (leaf, 8, 8, own),
        (leaf, 3, 8, own[:-1]),
        (leaf, 3, 8, [*own, own[0]]),
        (leaf, 3, 8, [own[0], b"", own[2]]),
        (b"short", 3, 8, own),
        (leaf, 3, 0, own),
        (leaf, 2**70, 2**71, own * 40),
    ]

    assert [proofs.verify_inclusion(*attempt, root) for attempt in attempts] == [False] * 8
    assert not proofs.verify_consistency(3, 2, [], root, root)
    assert not proofs.verify_consistency(4, 8, [], root, root)
    assert not proofs.verify_consistency(0, 8, [root], proofs.EMPTY_ROOT, root)


@given(st.data(), st.integers(1, 300))
def test_a_changed_proof_does_not_verify(data, size):
    leaves = [proofs.leaf_hash(n.to_bytes(2, "big")) for n in range(size)]
    index = data.draw(st.integers(0, size - 1))
    own = proofs.inclusion_proof(leaves, index)
    root = proofs.root(leaves)
    assert proofs.verify_inclusion(leaves[index], index, size, own, root)
    if own:
        place = data.draw(st.integers(0, len(own) - 1))
        own[place] = bytes([own[place][0] ^ 1]) + own[place][1:]
        assert not proofs.verify_inclusion(leaves[index], index, size, own, root)


@given(st.lists(st.integers(0, 90), max_size=8))
def test_an_edge_grown_in_any_steps_has_the_root_of_the_whole_and_stores_right_nodes(steps):
    leaves = [proofs.leaf_hash(n.to_bytes(2, "big")) for n in range(sum(steps))]
    edge, stored, at = Edge(0, []), dict.fromkeys([]), 0
    for step in steps:
        stored.update(edge.append(leaves[at : at + step]))
        at += step

    assert (edge.size, edge.root()) == (len(leaves), proofs.root(leaves))
    assert stored == {
        (level, index): proofs.root(leaves[index << level : (index + 1) << level])
        for level in (4, 8)
        for index in range(len(leaves) >> level)
    }


def test_a_level_that_is_not_stored_is_made_from_the_stored_one_below():
    leaves = LEAVES[:64]
    assert stored_below((6, 0)) == [(4, 0), (4, 1), (4, 2), (4, 3)]
    assert hash_of([proofs.root(leaves[n : n + 16]) for n in (0, 16, 32, 48)]) == proofs.root(
        leaves
    )
    assert hash_of(leaves[:2]) == node_hash(*leaves[:2])
