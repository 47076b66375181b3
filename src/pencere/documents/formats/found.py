"""What reading finds: signatures, time-stamps, files, and what is wrong with them.

A problem is a code of `problems.yaml`. No problem means that the bytes hold together; whether
the certificates may be believed is for the validation service to say.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cryptography import x509

Form = Literal[
    "cades", "asice-cades", "asice-xades", "asics-cades", "asics-xades", "xades", "pades"
]
StampKind = Literal["content", "signature", "archive", "reference", "container"]


@dataclass(frozen=True)
class FoundFile:
    """A file of a container. `signed`: some signature covers it, whether or not that holds."""

    name: str
    size_bytes: int
    sha256: str
    signed: bool


@dataclass(frozen=True)
class FoundStamp:
    """A time-stamp token. Without problems its imprint fits and its own signature holds.

    `at` is what the token says; `covers` names files for a stamp over a whole container.
    `proves`: SHA-256 of everything that existed at that time because the stamp is over it:
    signature values, and DER of certificates, lists, OCSP responses and earlier tokens. Empty
    where the imprint does not fit.
    """

    kind: StampKind
    token: bytes
    at: datetime | None
    certificate: x509.Certificate | None
    certificates: tuple[x509.Certificate, ...]
    ocsps: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    policy: str
    imprint_algorithm: str
    problems: tuple[str, ...]
    covers: tuple[str, ...] = ()
    proves: frozenset[bytes] = frozenset()


@dataclass(frozen=True)
class FoundSignature:
    """A signature. `level` is what its attributes claim; `covers` names the files it is over.

    `cms` is the SignedData it came in and `content` what that is over; both None for XAdES.
    `value` is the signature itself, as the file holds it.
    """

    name: str
    format: Literal["cades", "xades"]
    level: str
    covers: tuple[str, ...]
    certificate: x509.Certificate | None
    certificates: tuple[x509.Certificate, ...]
    ocsps: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    claimed_at: datetime | None
    digest_algorithm: str
    signature_algorithm: str
    stamps: tuple[FoundStamp, ...]
    problems: tuple[str, ...]
    cms: bytes | None = None
    content: bytes | None = None
    value: bytes = b""

    @property
    def holds(self) -> bool:
        """Say whether the signature and everything added to it is cryptographically whole."""
        return not self.problems and not any(one.problems for one in self.stamps)


@dataclass(frozen=True)
class Found:
    """A whole file. `stamps` are those over the container; `problems` are of the container."""

    form: Form
    files: tuple[FoundFile, ...]
    signatures: tuple[FoundSignature, ...]
    stamps: tuple[FoundStamp, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Say whether everything is whole: every signature, every stamp, nothing left out."""
        return (
            bool(self.signatures or self.stamps)
            and not self.problems
            and all(one.holds for one in self.signatures)
            and not any(one.problems for one in self.stamps)
        )
