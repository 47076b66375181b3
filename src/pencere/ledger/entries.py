"""What a plane writes into the log in the transaction of its fact."""

from dataclasses import dataclass

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Invalid
from pencere.ledger.proofs import leaf_hash
from pencere.ledger.tiles import LONGEST_ENTRY

# For psycopg; with asyncpg write $1, $2, $3.
INSERT = "insert into ledger.pending (leaf_hash, kind, entry) values (%s, %s, %s)"


@dataclass(frozen=True)
class PendingEntry:
    """One row of `ledger.pending`, in the order of its columns."""

    leaf_hash: bytes
    kind: str
    entry: bytes

    @property
    def row(self) -> tuple[bytes, str, bytes]:
        """The parameters of `INSERT`."""
        return self.leaf_hash, self.kind, self.entry


def pending_entry(kind: str, value: object) -> PendingEntry:
    """Make the row for `value`, a JSON object with the facts that the leaf commits to.

    The value holds an identifier of its own, so that no two facts have one leaf, and no
    personal number in clear: a keyed digest stands for it.

    Raises:
        Invalid: `canonical.unsupported`; `ledger.entry_long`, more than a bundle can hold.
    """
    entry = canonical_json(value)
    if len(entry) > LONGEST_ENTRY:
        raise Invalid("ledger.entry_long", kind=kind, octets=len(entry))
    return PendingEntry(leaf_hash(entry), kind, entry)
