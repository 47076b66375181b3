"""Signatures of the payment protocol: HMAC-SHA256. docs/specs/payments.md, section "Signature"."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pencere.kernel.errors import Refused

Kind = Literal["request", "status", "refund", "statement", "callback", "answer"]

TOLERANCE_S = 300


@dataclass(frozen=True, slots=True)
class Secret:
    """The secret shared with one provider; never shown."""

    value: str

    def __repr__(self) -> str:
        return "Secret(...)"

    def sign(self, kind: Kind, *, timestamp: int, body: bytes) -> str:
        """Return `v1=` and 64 hexadecimal digits."""
        message = b"\n".join((b"v1", kind.encode(), str(timestamp).encode(), body))
        return "v1=" + hmac.new(self.value.encode(), message, hashlib.sha256).hexdigest()

    def verify(
        self, kind: Kind, *, timestamp: str, signature: str, body: bytes, at: datetime
    ) -> None:
        """Refuse what is unsigned, signed with another secret, or older than five minutes.

        Raises:
            Refused: "payment.forged" or "payment.stale".
        """
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            raise Refused("payment.forged", problem="timestamp")
        expected = self.sign(kind, timestamp=int(timestamp), body=body)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise Refused("payment.forged", problem="signature")
        if abs(at.timestamp() - int(timestamp)) > TOLERANCE_S:
            raise Refused("payment.stale")
