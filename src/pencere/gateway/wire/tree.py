"""The Merkle tree of one batch, as RFC 9162 section 2.1 defines it, grown at once.

`pencere.ledger.proofs` walks any tree; a batch is small, whole in memory, and needs the path of
every leaf.
"""

import hashlib
from collections.abc import Sequence

from pencere.ledger.proofs import HASH_BYTES, leaf_hash

__all__ = ["HASH_BYTES", "climb", "grow", "leaf_hash"]


def grow(leaves: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    """Return the root over leaf hashes and for each leaf its audit path, concatenated."""
    paths: list[list[bytes]] = [[] for _ in leaves]
    level = list(leaves)
    width = 1
    while len(level) > 1:
        # What stands alone at the end moves up as it is: a left-balanced tree, as the RFC's.
        for at, path in enumerate(paths):
            sibling = (at // width) ^ 1
            if sibling < len(level):
                path.append(level[sibling])
        even = len(level) & ~1
        above = [
            hashlib.sha256(b"\x01" + level[at] + level[at + 1]).digest() for at in range(0, even, 2)
        ]
        if even < len(level):
            above.append(level[-1])
        level = above
        width *= 2
    return level[0], [b"".join(path) for path in paths]


def climb(leaf: bytes, index: int, size: int, path: bytes) -> bytes | None:
    """Return the root that `path` leads to from the leaf hash. RFC 9162 2.1.3.2.

    None when a tree of that size has no such path for that leaf.
    """
    if not 0 <= index < size or len(path) % HASH_BYTES:
        return None
    position, last, computed = index, size - 1, leaf
    for at in range(0, len(path), HASH_BYTES):
        if last == 0:
            return None
        part = path[at : at + HASH_BYTES]
        if position & 1 or position == last:
            computed = hashlib.sha256(b"\x01" + part + computed).digest()
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            computed = hashlib.sha256(b"\x01" + computed + part).digest()
        position >>= 1
        last >>= 1
    return computed if last == 0 else None
