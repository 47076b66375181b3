"""After a stop without warning: exchanges that began and did not end are ended as interrupted.

Whether the service acted is not known then, so the access counts: it gets its leaf of the ledger
and the person sees it.
"""

import hashlib
import logging
from datetime import datetime

import asyncpg

from pencere.gateway.log.leaves import access_leaf
from pencere.gateway.log.rows import ResponseRow
from pencere.gateway.log.sealing import Sealer

log = logging.getLogger(__name__)
# More than can have been in flight, however many came after.
_LOOK_BACK = 200_000

_OPEN = """
select r.* from gateway.request r
left join gateway.response s on s.exchange = r.exchange and s.side = r.side
where s.exchange is null and r.node = $1 and r.recorded_at < $2
    and r.seq > (select coalesce(max(seq), 0) - $3 from gateway.request)
order by r.seq
"""


async def interrupted(
    url: str, *, node: str, before: datetime, now: datetime, sealer: Sealer
) -> list[ResponseRow]:
    """Return the rows that end what was open when the node stopped."""
    connection = await asyncpg.connect(url, timeout=5, command_timeout=60)
    try:
        rows = await connection.fetch(_OPEN, node, before, _LOOK_BACK)
    finally:
        await connection.close(timeout=2)
    if rows:
        log.warning("exchanges_interrupted count=%s", len(rows))
    return [_row(row, now, sealer) for row in rows]


def _row(row: asyncpg.Record, now: datetime, sealer: Sealer) -> ResponseRow:
    exchange, side = str(row["exchange"]), row["side"]
    committed = hashlib.sha256(
        b"interrupted\n" + row["exchange"].bytes + row["head_digest"] + row["signature"]
    ).digest()
    leaf, salt = None, None
    if side == "provider" and row["agreement"]:
        salt = sealer.leaf_salt(exchange)
        sealed = row["person_sealed"]
        person = sealer.open(sealed, exchange=exchange, part=f"{side} person") if sealed else b""
        leaf = access_leaf(
            exchange=exchange,
            at=now,
            consumer=row["consumer"],
            service=row["service"],
            endpoint=row["endpoint"],
            purpose=row["purpose"],
            legal_basis=row["legal_basis"],
            case_number=row["case_number"],
            represented=row["represented"],
            actor=row["actor"],
            outcome="interrupted",
            evidence_digest=committed,
            salt=salt,
            person=person.decode(),
            hidden_until=row["hidden_until"],
        )
    return ResponseRow(
        row["exchange"], side, "interrupted", 0, "", None, now, None, None, 0, None, None, None,
        None, committed, leaf.leaf_hash if leaf else None, leaf.entry if leaf else None, salt,
    )  # fmt: skip
