"""Merkle trees as RFC 9162 section 2.1 defines them (the same trees as RFC 6962). Pure.

A tree is named by its size; a subtree by the half-open range of leaf indices under it. Where a
proof needs the hash of a range, the functions `*_ranges` say which, so that the same walk serves
a list in memory and nodes stored in a database.
"""

import hashlib
from collections.abc import Sequence

Range = tuple[int, int]
Node = tuple[int, int]

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256().digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256(0x00 || entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over `leaves`, which are leaf hashes."""
    return _range_hash(leaves, (0, len(leaves))) if leaves else EMPTY_ROOT


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path of the leaf at `index`, from the leaf upwards."""
    return [_range_hash(leaves, part) for part in inclusion_ranges(index, len(leaves))]


def consistency_proof(leaves: Sequence[bytes], first: int) -> list[bytes]:
    """Return the proof that the tree over the `first` leaves is a prefix of this one."""
    return [_range_hash(leaves, part) for part in consistency_ranges(first, len(leaves))]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes
) -> bool:
    """Say whether `proof` shows the leaf hash at `index` in the tree of `size`. RFC 9162 2.1.3.2.

    Never raises, whatever it is given.
    """
    if not 0 <= index < size or any(len(part) != HASH_BYTES for part in (leaf, *proof)):
        return False
    position, last, computed = index, size - 1, leaf
    for part in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            computed = node_hash(part, computed)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            computed = node_hash(computed, part)
        position >>= 1
        last >>= 1
    return last == 0 and computed == expected_root


def verify_consistency(
    first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes
) -> bool:
    """Say whether `proof` shows that the second tree only adds to the first. RFC 9162 2.1.4.2.

    Never raises, whatever it is given.
    """
    if not 0 <= first <= second or any(len(part) != HASH_BYTES for part in proof):
        return False
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof and first_root == EMPTY_ROOT
    path = list(proof) if first & (first - 1) else [first_root, *proof]
    if not path:
        return False
    position, last = first - 1, second - 1
    while position & 1:
        position >>= 1
        last >>= 1
    old = new = path[0]
    for part in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old, new = node_hash(part, old), node_hash(part, new)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            new = node_hash(new, part)
        position >>= 1
        last >>= 1
    return last == 0 and (old, new) == (first_root, second_root)


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Return the ranges whose hashes are the audit path, from the leaf upwards.

    Raises:
        ValueError: there is no such leaf in a tree of that size.
    """
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    path: list[Range] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append((middle, high))
            high = middle
        else:
            path.append((low, middle))
            low = middle
    return path[::-1]


def consistency_ranges(first: int, second: int) -> list[Range]:
    """Return the ranges whose hashes are the consistency proof, in the order of RFC 9162.

    Raises:
        ValueError: `first` is not within the second tree.
    """
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {first} is no prefix of one of {second}")
    if first in {0, second}:
        return []
    path: list[Range] = []
    low, high, whole = 0, second, True
    while first < high:
        middle = low + _split(high - low)
        if first <= middle:
            path.append((middle, high))
            high = middle
        else:
            path.append((low, middle))
            low, whole = middle, False
    # The old root itself need not be told to one who has it.
    return path[::-1] if whole else [(low, high), *path[::-1]]


def perfect_nodes(part: Range) -> list[Node]:
    """Return the complete subtrees, (level, index) from left to right, that make up a range.

    `part` starts where a subtree of its size may start, as all ranges of proofs do.
    """
    low, high = part
    nodes: list[Node] = []
    while low < high:
        level = (high - low).bit_length() - 1
        nodes.append((level, low >> level))
        low += 1 << level
    return nodes


def join(hashes: Sequence[bytes]) -> bytes:
    """Return the hash of a range from those of its complete subtrees, left to right."""
    joined = hashes[-1]
    for left in reversed(hashes[:-1]):
        joined = node_hash(left, joined)
    return joined


def _split(width: int) -> int:
    # The largest power of two smaller than `width`.
    return 1 << ((width - 1).bit_length() - 1)


def _range_hash(leaves: Sequence[bytes], part: Range) -> bytes:
    return join([_perfect_hash(leaves, node) for node in perfect_nodes(part)])


def _perfect_hash(leaves: Sequence[bytes], node: Node) -> bytes:
    level, index = node
    row = leaves[index << level : (index + 1) << level]
    while len(row) > 1:
        row = [node_hash(row[n], row[n + 1]) for n in range(0, len(row), 2)]
    return row[0]
