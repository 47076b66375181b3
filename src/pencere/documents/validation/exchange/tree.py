"""The root that an audit path leads to. RFC 9162 section 2.1.3.2."""

from collections.abc import Sequence

from pencere.ledger.proofs import HASH_BYTES, node_hash


def root_of(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root of a tree of `size`, or None where the path cannot be one of it."""
    if not 0 <= index < size or any(len(one) != HASH_BYTES for one in path):
        return None
    position, last, computed = index, size - 1, leaf
    for part in path:
        if last == 0:
            return None
        if position & 1 or position == last:
            computed = node_hash(part, computed)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            computed = node_hash(computed, part)
        position >>= 1
        last >>= 1
    return computed if last == 0 else None
