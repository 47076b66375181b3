"""Levels of EN 319 122/132/142 and the services that raising one needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cryptography import x509

Level = Literal["B-B", "B-T", "B-LT", "B-LTA"]
LEVELS: tuple[Level, ...] = ("B-B", "B-T", "B-LT", "B-LTA")


def reaches(level: Level, wanted: Level) -> bool:
    """Say whether `level` includes `wanted`."""
    return LEVELS.index(level) >= LEVELS.index(wanted)


@dataclass(frozen=True)
class Evidence:
    """Certificates of a path and what was said of them at the time. DER but for certificates."""

    certificates: tuple[x509.Certificate, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()


class Services(Protocol):
    """Time and status, from wherever they come."""

    def refuse_unfit(self, certificate: x509.Certificate) -> None:
        """Refuse a certificate that is expired or not meant for documents, before it is used."""

    def stamp(self, over: bytes) -> bytes:
        """Return a TimeStampToken over the SHA-256 of `over`."""

    def stamp_digest(self, digest: bytes) -> bytes:
        """Return a TimeStampToken over a SHA-256 digest."""

    def evidence(
        self,
        signing: Sequence[x509.Certificate],
        stamping: Sequence[x509.Certificate],
        known: Sequence[x509.Certificate],
    ) -> Evidence:
        """Return paths and status of certificates; `known` may hold those between."""
