"""Lawful erasure: the data of a record goes in every version, and the proof stays.

Of each version remain its hash and `content`, the digest with a salt that is gone too, so the
chain and the log still verify and nothing can be guessed. The log of readings says what was
disclosed to whom before. By the owner of the database alone; never by the service.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Conflict, Missing
from pencere.ledger.proofs import leaf_hash
from pencere.registers.chain import content_of, instant_text
from pencere.registers.definition import Definition
from pencere.registers.load import Connection
from pencere.registers.verify import hashes_of

LEAF_KIND = "register-erasure"


@dataclass(frozen=True)
class Ground:
    """The act that an erasure stands on, who does it, and why."""

    client: str
    basis: str
    reason: str
    case: str | None = None


def erase(connection: Connection, register: str, record: int, ground: Ground, at: datetime) -> int:
    """Erase a record and return how many versions it had. `connection` is the owner's.

    Raises:
        Missing: `record.unknown`: none in this register, or erased before.
        Conflict: `record.tampered`, a hash is not that of its version: it is evidence, and stays.
    """
    with connection.transaction():
        there = connection.execute(
            "select from registers.record r join registers.register g on g.id = r.register"
            " where r.id = %s and g.code = %s and r.erased_at is null for update of r",
            (record, register),
        ).fetchone()
        if there is None:
            raise Missing("record.unknown", register=register)
        if any(made != stored for made, stored in hashes_of(connection, record)):
            raise Conflict("record.tampered", record=record)
        rows = connection.execute(
            "select salt, data::text from registers.record_version where record = %s"
            " order by version",
            (record,),
        ).fetchall()
        contents = [
            bytes.fromhex(content_of(salt, json.loads(str(data))))
            for salt, data in rows
            if isinstance(salt, bytes)
        ]
        connection.execute(
            "select registers.erase(%s, %s, %s, %s, %s, %s, %s)",
            (record, contents, ground.client, ground.basis, ground.case, ground.reason, at),
        )
        entry = canonical_json(
            {
                "at": instant_text(at),
                "basis": ground.basis,
                "case": ground.case,
                "record": str(record),
                "register": register,
                "versions": len(contents),
            }
        )
        connection.execute(
            "insert into ledger.pending (leaf_hash, kind, entry) values (%s, %s, %s)",
            (leaf_hash(entry), LEAF_KIND, entry),
        )
    return len(contents)


def past_retention(connection: Connection, definition: Definition, today: date) -> Iterator[int]:
    """Return the records whose term of keeping is over: annulled, and the years after that.

    A provisional term ends nothing: nobody has seen it in an act yet.
    """
    if definition.retention_provisional:
        return
    rows = connection.execute(
        "select r.id from registers.record r join registers.register g on g.id = r.register"
        " where g.code = %s and r.state = 'annulled' and r.erased_at is null"
        " and r.valid_from + make_interval(years => %s) < %s order by r.id",
        (definition.code, definition.retention_years, today),
    ).fetchall()
    yield from (int(str(row[0])) for row in rows)
