"""What the registration authority knows beside the database: country, anchors, derived keys."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pencere.kernel.errors import Invalid
from pencere.kernel.identifiers import Fin, parse_fin
from pencere.trust.holders import mark


@dataclass(frozen=True)
class Office:
    """The registration authority of one centre.

    `anchors` are the root and the issuing authority of persons. `secret` is the service's own,
    outside the database: digests in the ledger and the keys for codes are derived from it.
    `base_url` is where people reach the centre.
    """

    country: str
    secret: bytes = field(repr=False)
    anchors: Sequence[x509.Certificate] = ()
    base_url: str = ""

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

    def mark(self, holder: str | None, identifier: object) -> str | None:
        """Return what stands for a holder in the ledger's entry about `identifier`."""
        return None if holder is None else mark(self.secret, holder, str(identifier))

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
