"""Rows of the exchange log. sql/."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class RequestRow(NamedTuple):
    """A request as sent (consumer side) or accepted (provider side)."""

    exchange: UUID
    side: str
    message_id: str
    node: str
    peer: str
    consumer: str
    provider: str
    service: str
    method: str
    endpoint: str
    agreement: str
    purpose: str
    legal_basis: str
    case_number: str
    person_digest: bytes | None
    person_sealed: bytes | None
    signed_at: datetime
    recorded_at: datetime
    head_digest: bytes
    body_digest: bytes | None
    body_bytes: int
    certificate: bytes
    signature: bytes
    head_sealed: bytes
    body_sealed: bytes | None
    represented: str
    actor: str
    actor_digest: bytes | None
    hidden_until: datetime | None = None
    hidden_reason_sealed: bytes | None = None
    evidence: bytes | None = None


class ResponseRow(NamedTuple):
    """How an exchange ended on one side. Without a signature when no node answered."""

    exchange: UUID
    side: str
    outcome: str
    status: int
    fault: str
    signed_at: datetime | None
    recorded_at: datetime
    head_digest: bytes | None
    body_digest: bytes | None
    body_bytes: int
    certificate: bytes | None
    signature: bytes | None
    head_sealed: bytes | None
    body_sealed: bytes | None
    evidence_digest: bytes
    leaf_hash: bytes | None
    leaf_entry: bytes | None
    leaf_salt: bytes | None
    consent: str = ""
    evidence: bytes | None = None
