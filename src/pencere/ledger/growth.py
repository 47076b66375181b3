"""The right edge of a growing tree: what must be known to append, and what an append completes.

Complete subtrees never change, so they are stored once. Of their levels only every fourth is:
the ones between are made again from at most eight stored hashes, and a leaf costs 1.07 rows
instead of 2.
"""

from collections.abc import Iterable, Sequence

from pencere.ledger.proofs import EMPTY_ROOT, Node, join, node_hash, perfect_nodes

# Levels 0, 4, 8, ... are stored; level 0 is the leaves themselves.
STRIDE = 4


class Edge:
    """The hashes of the complete subtrees of a tree of `size`, left to right."""

    def __init__(self, size: int, hashes: Sequence[bytes]) -> None:
        self.size = size
        self._stack = list(hashes)

    def root(self) -> bytes:
        """Return the root of the tree as it stands."""
        return join(self._stack) if self._stack else EMPTY_ROOT

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The hashes, left to right, from which an equal edge can be made."""
        return tuple(self._stack)

    def append(self, leaves: Iterable[bytes]) -> list[tuple[Node, bytes]]:
        """Add leaf hashes; return the inner nodes completed by them that are stored."""
        completed: list[tuple[Node, bytes]] = []
        for leaf in leaves:
            self._stack.append(leaf)
            self.size += 1
            level, filled = 0, self.size
            while not filled & 1:
                right = self._stack.pop()
                self._stack[-1] = node_hash(self._stack[-1], right)
                level, filled = level + 1, filled >> 1
                if level % STRIDE == 0:
                    completed.append(((level, filled - 1), self._stack[-1]))
        return completed


def edge_nodes(size: int) -> list[Node]:
    """Return the nodes whose hashes an `Edge` of `size` starts from."""
    return perfect_nodes((0, size))


def stored_below(node: Node) -> list[Node]:
    """Return the stored nodes, 1 to 8 of one level, from which the hash of `node` is made."""
    level, index = node
    depth = level % STRIDE
    return [(level - depth, child) for child in range(index << depth, (index + 1) << depth)]


def hash_of(row: Sequence[bytes]) -> bytes:
    """Return the hash over a row of 1, 2, 4, or 8 hashes of one level."""
    while len(row) > 1:
        row = [node_hash(row[n], row[n + 1]) for n in range(0, len(row), 2)]
    return row[0]
