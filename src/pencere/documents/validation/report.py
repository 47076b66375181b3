"""What a validation finds, for people and machines; sentences are in `texts.yaml`.

The JSON shape is docs/specs/validation.md. Codes only: no sentence is made here.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pencere.documents.validation.indication import REASONS, Indication, conclude

LARGEST_FILE_BYTES = 32 * 1024 * 1024


class Verdict(StrEnum):
    """The indication in the words of a page: green, amber, red."""

    VALID = "valid"
    INDETERMINATE = "indeterminate"
    INVALID = "invalid"


VERDICTS = {
    Indication.PASSED: Verdict.VALID,
    Indication.INDETERMINATE: Verdict.INDETERMINATE,
    Indication.FAILED: Verdict.INVALID,
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
class StampReport:
    """A time-stamp. `holds`: its time may be relied on."""

    kind: str
    at: datetime | None
    holds: bool
    reasons: tuple[str, ...]
    authority: str | None


@dataclass(frozen=True)
class PathStep:
    """A certificate of a path, the signer's first. `status`: good, revoked, unknown or anchor."""

    subject: str
    sha256: str
    valid_until: datetime
    status: str
    revoked_at: datetime | None = None


@dataclass(frozen=True)
class Quality:
    """What the trusted list says of the service that issued the certificate, at that time.

    `is_qualified` is of the certificate; `is_in_device`, that it says its key is in a qualified
    device.
    """

    service: str
    status: str
    service_type: str
    is_qualified: bool
    territory: str
    is_in_device: bool = False

    @property
    def word(self) -> str | None:
        """The text of `report` that says what kind of signature this is, if one does."""
        if not self.is_qualified:
            return None
        return "qualified" if self.is_in_device else "qualified_certificate"


@dataclass(frozen=True)
class SignatureReport:
    """One signature of a file. `level`: `B-B`, `B-T`, `B-LT`, or `B-LTA`.

    `signed_at` is the time a stamp states; `proven_at` is set when that may be relied on.
    """

    field: str
    level: str
    signer: Party | None
    signed_at: datetime | None
    reasons: tuple[str, ...]
    format: str = "PAdES"
    proven_at: datetime | None = None
    claimed_at: datetime | None = None
    algorithm: str = ""
    files: tuple[str, ...] = ()
    stamps: tuple[StampReport, ...] = ()
    path: tuple[PathStep, ...] = ()
    quality: Quality | None = None

    @property
    def indication(self) -> Indication:
        """The indication of EN 319 102-1."""
        return conclude(self.reasons)[0]

    @property
    def sub_indication(self) -> str | None:
        """The sub-indication of EN 319 102-1."""
        return conclude(self.reasons)[1]

    @property
    def verdict(self) -> Verdict:
        """The indication in the words of a page."""
        return VERDICTS[self.indication]


@dataclass(frozen=True)
class FileReport:
    """A file of a container."""

    name: str
    sha256: str
    is_signed: bool


# The form of an evidence container of the gateway.
EXCHANGE = "exchange"


@dataclass(frozen=True)
class Report:
    """What a file is. `sha256` is that of the file; signatures are in the order of signing.

    `level`, `signer`, and `signed_at` are those of the first signature: for a document of the
    state, the seal.
    """

    reasons: tuple[str, ...]
    sha256: str
    signatures: tuple[SignatureReport, ...] = ()
    form: str = ""
    policy: str = "pencere"
    validated_at: datetime | None = None
    stamps: tuple[StampReport, ...] = ()
    files: tuple[FileReport, ...] = ()
    warnings: tuple[str, ...] = ()
    etsi_xml: str | None = field(default=None, repr=False, compare=False)

    @property
    def indication(self) -> Indication:
        """The indication of EN 319 102-1, the worst of all signatures."""
        return conclude(self.reasons)[0]

    @property
    def sub_indication(self) -> str | None:
        """The sub-indication of EN 319 102-1."""
        return conclude(self.reasons)[1]

    @property
    def verdict(self) -> Verdict:
        """The indication in the words of a page. Nothing signed is never valid."""
        if not self.signatures and not self.reasons:
            return Verdict.INDETERMINATE
        return VERDICTS[self.indication]

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

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON can hold it; instants are ISO text."""
        return {
            "valid": self.valid,
            "verdict": self.verdict.value,
            "indication": self.indication.value if self.reasons or self.signatures else None,
            "sub_indication": None if self.sub_indication is None else str(self.sub_indication),
            "reasons": list(self.reasons),
            "warnings": list(self.warnings),
            "sha256": self.sha256,
            "form": self.form,
            "policy": self.policy,
            "validated_at": _text(self.validated_at),
            "level": self.level,
            "signer": asdict(self.signer) if self.signer else None,
            "signed_at": _text(self.signed_at),
            "signatures": [_signature_as_json(one) for one in self.signatures],
            "time_stamps": [_stamp_as_json(one) for one in self.stamps],
            "files": [asdict(one) for one in self.files],
        }

    @classmethod
    def from_json(cls, written: dict[str, Any]) -> "Report":
        """Read what `as_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is not a report.
        """
        return cls(
            reasons=_codes(written["reasons"]),
            sha256=str(written["sha256"]),
            signatures=tuple(_signature_of_json(one) for one in written["signatures"]),
            form=str(written["form"]),
            policy=str(written["policy"]),
            validated_at=_instant(written["validated_at"]),
            stamps=tuple(_stamp_of_json(one) for one in written["time_stamps"]),
            files=tuple(FileReport(**one) for one in written["files"]),
            warnings=tuple(str(one) for one in written["warnings"]),
            etsi_xml=written.get("etsi_xml"),
        )


def without_verdict(sha256: str, reason: str, validated_at: datetime | None = None) -> Report:
    """Return that a file could not be judged, and why."""
    return Report((reason,), sha256, validated_at=validated_at)


def _codes(written: object) -> tuple[str, ...]:
    if not isinstance(written, list) or not all(one in REASONS for one in written):
        raise TypeError("not reasons")
    return tuple(written)


def _signature_as_json(one: SignatureReport) -> dict[str, Any]:
    return {
        "field": one.field,
        "format": one.format,
        "verdict": one.verdict.value,
        "indication": one.indication.value,
        "sub_indication": None if one.sub_indication is None else str(one.sub_indication),
        "level": one.level,
        "signer": asdict(one.signer) if one.signer else None,
        "signed_at": _text(one.signed_at),
        "proven_at": _text(one.proven_at),
        "claimed_at": _text(one.claimed_at),
        "algorithm": one.algorithm,
        "files": list(one.files),
        "reasons": list(one.reasons),
        "time_stamps": [_stamp_as_json(stamp) for stamp in one.stamps],
        "path": [
            {
                **asdict(step),
                "valid_until": _text(step.valid_until),
                "revoked_at": _text(step.revoked_at),
            }
            for step in one.path
        ],
        "quality": asdict(one.quality) if one.quality else None,
    }


def _signature_of_json(one: dict[str, Any]) -> SignatureReport:
    return SignatureReport(
        field=one["field"],
        level=one["level"],
        signer=Party(**one["signer"]) if one["signer"] else None,
        signed_at=_instant(one["signed_at"]),
        reasons=_codes(one["reasons"]),
        format=one["format"],
        proven_at=_instant(one["proven_at"]),
        claimed_at=_instant(one["claimed_at"]),
        algorithm=one["algorithm"],
        files=tuple(one["files"]),
        stamps=tuple(_stamp_of_json(stamp) for stamp in one["time_stamps"]),
        path=tuple(_step_of_json(step) for step in one["path"]),
        quality=Quality(**one["quality"]) if one["quality"] else None,
    )


def _step_of_json(step: dict[str, Any]) -> PathStep:
    return PathStep(
        step["subject"],
        step["sha256"],
        datetime.fromisoformat(step["valid_until"]),
        step["status"],
        _instant(step["revoked_at"]),
    )


def _stamp_as_json(one: StampReport) -> dict[str, Any]:
    return {**asdict(one), "at": _text(one.at), "reasons": list(one.reasons)}


def _stamp_of_json(one: dict[str, Any]) -> StampReport:
    return StampReport(
        one["kind"], _instant(one["at"]), one["holds"], _codes(one["reasons"]), one["authority"]
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _instant(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)
