"""What evidence says about a certificate, and which moment it speaks of.

Evidence counts for an instant when it was in force then or was issued later: what was not
revoked later was not revoked before. It counts only while its own signer may be believed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

SKEW = timedelta(minutes=5)

# RFC 5280 section 5.3.1, in the order of the bits of ReasonFlags.
ALL_REASONS = frozenset(
    {
        "key_compromise",
        "ca_compromise",
        "affiliation_changed",
        "superseded",
        "cessation_of_operation",
        "certificate_hold",
        "privilege_withdrawn",
        "aa_compromise",
    }
)
COMPROMISE = frozenset({"key_compromise", "ca_compromise"})


class State(StrEnum):
    """The three answers of RFC 6960; `unknown` is never good."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Status:
    """An answer. `code` says why it is unknown; `source` is the SHA-256 of the evidence."""

    state: State
    code: str = ""
    revoked_at: datetime | None = None
    reason: str = ""
    source: bytes = b""
    this_update: datetime | None = None
    next_update: datetime | None = None


def unknown(code: str) -> Status:
    """Return that nothing is known, and why."""
    return Status(State.UNKNOWN, code)


@dataclass(frozen=True)
class Timing:
    """The moment that is asked about and the present.

    `existed_by` tells when an object, named by its SHA-256, is proven to have existed; the
    present when nothing proves more. `max_age` bounds the age of evidence at `control`.
    """

    control: datetime
    now: datetime
    max_age: timedelta | None = None
    existed_by: Callable[[bytes], datetime] | None = None

    def proven(self, sha256: bytes) -> datetime:
        """Return the earliest instant at which an object is proven to have existed."""
        if self.existed_by is None:
            return self.now
        return min(self.existed_by(sha256), self.now)

    def problem(  # noqa: PLR0911 - a table of reasons
        self, this_update: datetime, next_update: datetime | None
    ) -> str | None:
        """Return why evidence of such times says nothing about `control`; None when it does."""
        if this_update > self.now + SKEW:
            return "evidence.future"
        if next_update is not None and next_update < this_update:
            return "evidence.malformed"
        if this_update >= self.control:
            return None
        if next_update is None and self.max_age is None:
            return "evidence.no_next_update"
        if next_update is not None and next_update + SKEW < self.control:
            return "evidence.expired"
        if self.max_age is not None and self.control - this_update > self.max_age:
            return "evidence.too_old"
        return None


def effective(revoked_at: datetime, reason: str, invalid_since: datetime | None) -> datetime:
    """Return since when a certificate counts as revoked: a lost key, since it was lost."""
    if invalid_since is not None and reason in COMPROMISE:
        return min(revoked_at, invalid_since)
    return revoked_at
