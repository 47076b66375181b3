"""The ledger's leaf of an access: who, when, why, for which case, and of whom without saying it.

docs/specs/evidence.md. Who acts stands in it as a kind, and on whose behalf as a body; never the
acting person. The person of the data stands in it as HMAC-SHA-256 under a salt of this entry: only
who is given the salt, which is the person, can tell whose entry it is, and entries of one person
cannot be linked.
"""

from datetime import datetime

from pencere.gateway.log.sealing import person_in_leaf
from pencere.gateway.log.writer import LEAF_KIND
from pencere.gateway.wire.evidence import format_time
from pencere.ledger.entries import PendingEntry, pending_entry


def access_leaf(  # noqa: PLR0913  # a leaf has many facts
    *,
    exchange: str,
    at: datetime,
    consumer: str,
    service: str,
    endpoint: str,
    purpose: str,
    legal_basis: str,
    case_number: str,
    represented: str,
    actor: str,
    outcome: str,
    evidence_digest: bytes,
    salt: bytes,
    person: str,
    hidden_until: datetime | None = None,
) -> PendingEntry:
    """Return the entry; `outcome` is a status, a fault code, or `interrupted`."""
    return pending_entry(
        LEAF_KIND,
        {
            "format": "pencere-access/3",
            "exchange": exchange,
            "time": format_time(at),
            "consumer": consumer,
            "service": service,
            "endpoint": endpoint,
            "purpose": purpose,
            "legal_basis": legal_basis,
            "case": case_number,
            "represented": represented or None,
            "actor": actor or None,
            "person": person_in_leaf(salt, person) if person else None,
            "hidden_until": format_time(hidden_until) if hidden_until is not None else None,
            "outcome": outcome,
            "evidence": evidence_digest.hex(),
        },
    )
