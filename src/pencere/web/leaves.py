"""Leaves of this database's Merkle log, added in the transaction of their fact."""

from django.db import connection

from pencere.ledger.entries import INSERT, pending_entry


def add_leaf(kind: str, value: object) -> bytes:
    """Add an entry and return the hash of its leaf.

    `value` names no person: a keyed digest (`people.domain.vault`) stands for who it is about.
    """
    entry = pending_entry(kind, value)
    with connection.cursor() as cursor:
        cursor.execute(INSERT, entry.row)
    return entry.leaf_hash
