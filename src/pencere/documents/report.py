"""What a verification finds, in codes; sentences for them are in `texts.yaml` under `reasons`."""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

LARGEST_FILE_BYTES = 32 * 1024 * 1024


class Verdict(StrEnum):
    """EN 319 102-1 section 5.1.3. Ordered from good to bad by `WORST`."""

    VALID = "valid"
    INDETERMINATE = "indeterminate"
    INVALID = "invalid"


WORST = (Verdict.VALID, Verdict.INDETERMINATE, Verdict.INVALID)

# Every reason a report may hold, and what it makes of the signature.
REASONS = {
    "file.not_pdf": Verdict.INVALID,
    "file.damaged": Verdict.INVALID,
    "file.too_large": Verdict.INDETERMINATE,
    "file.encrypted": Verdict.INDETERMINATE,
    "signature.none": Verdict.INVALID,
    "signature.altered": Verdict.INVALID,
    "signature.wrong": Verdict.INVALID,
    "signature.malformed": Verdict.INVALID,
    "signature.weak_algorithm": Verdict.INDETERMINATE,
    "document.changed_after": Verdict.INVALID,
    "document.not_covered": Verdict.INVALID,
    "signer.untrusted": Verdict.INDETERMINATE,
    "signer.wrong_purpose": Verdict.INVALID,
    "signer.revoked": Verdict.INVALID,
    "signer.expired": Verdict.INVALID,
    "signer.not_yet_valid": Verdict.INVALID,
    "signer.no_evidence": Verdict.INDETERMINATE,
    "time_stamp.missing": Verdict.INDETERMINATE,
    "time_stamp.wrong": Verdict.INVALID,
    "time_stamp.untrusted": Verdict.INDETERMINATE,
    "time_stamp.no_evidence": Verdict.INDETERMINATE,
    "time_stamp.expired": Verdict.INDETERMINATE,
    "time_stamp.future": Verdict.INVALID,
    "verification.took_too_long": Verdict.INDETERMINATE,
    "verification.failed": Verdict.INDETERMINATE,
}


@dataclass(frozen=True)
class Party:
    """Who signed, as the certificate says."""

    name: str
    organization: str | None
    identifier: str | None
    issuer: str
    certificate_sha256: str


@dataclass(frozen=True)
class SignatureReport:
    """One signature of a file. `level`: `B-B`, `B-T`, `B-LT`, or `B-LTA`."""

    field: str
    verdict: Verdict
    level: str
    signer: Party | None
    signed_at: datetime | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What a file is. `sha256` is that of the file; signatures are in the order of signing.

    `level`, `signer`, and `signed_at` are those of the first signature: for a document of the
    state, the seal.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    sha256: str
    signatures: tuple[SignatureReport, ...] = ()

    @property
    def valid(self) -> bool:
        """Say whether everything was found in order."""
        return self.verdict is Verdict.VALID

    @property
    def level(self) -> str | None:
        """The level of the first signature."""
        return self.signatures[0].level if self.signatures else None

    @property
    def signer(self) -> Party | None:
        """Who made the first signature."""
        return self.signatures[0].signer if self.signatures else None

    @property
    def signed_at(self) -> datetime | None:
        """When the first signature was made."""
        return self.signatures[0].signed_at if self.signatures else None

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON can hold it; instants are ISO text."""
        return {
            "valid": self.valid,
            "verdict": self.verdict.value,
            "reasons": list(self.reasons),
            "sha256": self.sha256,
            "level": self.level,
            "signer": asdict(self.signer) if self.signer else None,
            "signed_at": self.signed_at.isoformat() if self.signed_at else None,
            "signatures": [
                {
                    "field": one.field,
                    "verdict": one.verdict.value,
                    "level": one.level,
                    "signer": asdict(one.signer) if one.signer else None,
                    "signed_at": one.signed_at.isoformat() if one.signed_at else None,
                    "reasons": list(one.reasons),
                }
                for one in self.signatures
            ],
        }

    @classmethod
    def from_json(cls, written: dict[str, object]) -> "Report":
        """Read what `as_json` wrote."""
        signatures = written["signatures"]
        reasons = written["reasons"]
        if not isinstance(signatures, list) or not isinstance(reasons, list):
            raise TypeError("not a report")
        return cls(
            Verdict(str(written["verdict"])),
            tuple(reasons),
            str(written["sha256"]),
            tuple(
                SignatureReport(
                    field=one["field"],
                    verdict=Verdict(one["verdict"]),
                    level=one["level"],
                    signer=Party(**one["signer"]) if one["signer"] else None,
                    signed_at=datetime.fromisoformat(one["signed_at"])
                    if one["signed_at"]
                    else None,
                    reasons=tuple(one["reasons"]),
                )
                for one in signatures
            ),
        )


def judge(reasons: tuple[str, ...]) -> Verdict:
    """Return the worst that the reasons make of a signature; none make it valid."""
    return max((REASONS[reason] for reason in reasons), key=WORST.index, default=Verdict.VALID)
