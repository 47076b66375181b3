"""What the registration authority knows beside the database: country, anchors, derived keys."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pencere.kernel.errors import Invalid
from pencere.kernel.identifiers import Fin, parse_fin


@dataclass(frozen=True)
class Office:
    """The registration authority of one centre.

    `anchors` are the root and the issuing authority of persons. `secret` is the service's own,
    outside the database: digests in the ledger and the keys for codes are derived from it.
    """

    country: str
    secret: bytes = field(repr=False)
    anchors: Sequence[x509.Certificate] = ()

    def holder(self, fin: str) -> str:
        """Return how certificates name a person: `PNOAZ-<FIN>`."""
        return f"PNO{self.country}-{fin}"

    def fin_of(self, holder: str) -> Fin | None:
        """Return the FIN of a holder who is a person of this country, else None."""
        try:
            fin = parse_fin(holder.removeprefix(f"PNO{self.country}-"))
        except Invalid:
            return None
        return fin if self.holder(fin) == holder else None

    def digest(self, holder: str | None) -> str | None:
        """Return the keyed digest under which the ledger speaks of a holder."""
        if holder is None:
            return None
        return hmac.digest(self.secret, holder.encode(), "sha256").hex()

    def key(self, purpose: str) -> bytes:
        """Return 32 bytes for one purpose (RFC 5869)."""
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(
            self.secret
        )


def instant(at: datetime) -> str:
    """Return an instant as acts and leaves hold it: whole seconds, UTC, `Z`."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def hex_of(serial: bytes) -> str:
    """Return a serial number as people and acts write it."""
    return f"{int.from_bytes(serial, 'big'):x}"
