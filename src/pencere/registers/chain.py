"""The hash of a version and the leaf of it. Worked bytes: docs/specs/registers.md, section 5.

A record's versions are a chain: each hash covers the one before, so that a changed row of the
past is found by whoever has a later hash, and the ledger has them all.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache

from pencere.kernel.canonical import canonical_json
from pencere.ledger.proofs import leaf_hash

LEAF_KIND = "register-write"
SALT_BYTES = 16


@dataclass(frozen=True)
class Version:
    """One version of a record, as it is stored; `hash` is made from everything else."""

    register: str
    record: int
    version: int
    schema_version: int
    op: str
    state: str
    valid_from: date
    valid_to: date | None
    recorded_at: datetime
    actor: str | None
    client: str
    purpose: str
    basis: str
    case: str | None
    exchange: str | None
    reason: str
    salt: bytes
    data: Mapping[str, object]
    prev: bytes | None
    # The record that this one was found to be the same as.
    merged_into: int | None = None

    def hash(self) -> bytes:
        """Return SHA-256 over the canonical JSON of the version with its data as a digest.

        The salt keeps the digest of few and guessable data (a FIN, a date) from being guessed.
        """
        return self.hash_with(content_of(self.salt, self.data))

    def hash_with(self, content: str) -> bytes:
        """Return the hash of a version of which only the digest of its data is left."""
        return hashlib.sha256(canonical_json(self._said(content))).digest()

    def _said(self, content: str) -> dict[str, object]:
        merged = {} if self.merged_into is None else {"merged_into": str(self.merged_into)}
        return {
            **merged,
            "actor": self.actor,
            "basis": self.basis,
            "case": self.case,
            "client": self.client,
            "content": content,
            "exchange": self.exchange,
            "op": self.op,
            "prev": self.prev.hex() if self.prev else None,
            "purpose": self.purpose,
            "reason": self.reason,
            "record": str(self.record),
            "recorded_at": instant_text(self.recorded_at),
            "register": self.register,
            "schema_version": self.schema_version,
            "state": self.state,
            "valid_from": self.valid_from.isoformat(),
            "valid_to": self.valid_to.isoformat() if self.valid_to else None,
            "version": self.version,
        }

    def quick_hash(self, data: str) -> bytes:
        """Return the same as `hash`, four times as fast; `data` is `quick_json` of the data."""
        content = hashlib.sha256(self.salt + data.encode()).hexdigest()
        return hashlib.sha256(quick_json(self._said(content)).encode()).digest()


def content_of(salt: bytes, data: Mapping[str, object]) -> str:
    """Return the digest of data, in hexadecimal."""
    return hashlib.sha256(salt + canonical_json(data)).hexdigest()


def leaf_of(register: str, record: int, version: int, digest: bytes) -> tuple[bytes, str, bytes]:
    """Return a row of ledger.pending for a version: leaf hash, kind, entry."""
    # Canonical as it stands: the code of a register is small letters, a slash, and hyphens.
    entry = (
        f'{{"hash":"{digest.hex()}","record":"{record}"'
        f',"register":"{register}","version":{version}}}'
    ).encode()
    return leaf_hash(entry), LEAF_KIND, entry


@lru_cache(maxsize=16)
def instant_text(instant: datetime) -> str:
    """Return `2026-11-22T09:00:00.000000Z`: UTC, always six digits."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def quick_json(value: Mapping[str, object]) -> str:
    """Return what `canonical_json` does, for ASCII field names and no fractions.

    For these json.dumps writes what RFC 8785 asks for; a test compares the two.
    """
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False, allow_nan=False
)
