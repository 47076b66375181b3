"""A container that a node signed and time-stamped, judged as of its own time.

Of evidence of an exchange and of a manifest of an archive: docs/specs/evidence-container.md,
docs/specs/archive.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.documents.formats.found import Found, FoundSignature, FoundStamp
from pencere.documents.validation import certificate as certificates
from pencere.documents.validation.exchange import claims
from pencere.documents.validation.judging import party, path_steps
from pencere.documents.validation.limits import Budget
from pencere.documents.validation.material import Material
from pencere.documents.validation.path import Outcome, Question, Validator
from pencere.documents.validation.policy import TIME_STAMPING
from pencere.documents.validation.process import SIGNER_REASONS, STAMP_REASONS
from pencere.documents.validation.processing import Demands
from pencere.documents.validation.report import FileReport, Report, SignatureReport, StampReport
from pencere.documents.validation.request import Request
from pencere.documents.validation.status import SKEW, Timing


@dataclass
class Judged:
    """A key's signature: why not, and by which path."""

    reasons: list[str] = field(default_factory=list)
    outcome: Outcome | None = None


class SealedContainer:
    """A container that a node signed and time-stamped, with what proves both."""

    def __init__(self, request: Request, found: Found, files: Mapping[str, bytes]) -> None:
        self._request = request
        self._found = found
        self._anchors = tuple(certificates.readable(list(request.anchors)))
        self._given = _under(files, "certificates/")
        self._statuses = _under(files, "statuses/")
        self._material = Material(self._given, (), self._statuses) + request.extra
        self._budget = Budget(seconds=request.seconds)
        self.warnings: list[str] = []

    def report_of_manifest(self, sha256: str) -> Report:
        """Judge the signature and the time-stamp of a manifest of an archive."""
        whole, stamp = self._whole(), self._own_stamp()
        reasons = [*self._found.problems, *whole.reasons]
        reasons += ["time_stamp.missing"] if stamp is None else stamp.reasons
        return self._report(sha256, reasons, (whole,), (stamp,), "archive")

    def _report(
        self,
        sha256: str,
        reasons: Sequence[str],
        signatures: tuple[SignatureReport, ...],
        stamps: tuple[StampReport | None, ...],
        form: str,
    ) -> Report:
        return Report(
            reasons=tuple(dict.fromkeys(reasons)),
            sha256=sha256,
            signatures=signatures,
            form=form,
            policy=self._request.policy,
            validated_at=self._request.at,
            stamps=tuple(one for one in stamps if one is not None),
            files=tuple(FileReport(one.name, one.sha256, one.signed) for one in self._found.files),
            warnings=tuple(dict.fromkeys(self.warnings)),
        )

    @cached_property
    def _container_stamp(self) -> FoundStamp | None:
        return self._found.stamps[0] if len(self._found.stamps) == 1 else None

    @cached_property
    def _kept_at(self) -> datetime:
        """When everything in the container is proved to have existed; else the present."""
        stamp = self._container_stamp
        if stamp is None or stamp.problems or stamp.at is None or not self._covers_all(stamp):
            return self._request.at
        if self._judge_stamp(stamp, stamp.at).reasons:
            return self._request.at
        return stamp.at

    def _covers_all(self, stamp: FoundStamp) -> bool:
        return {one.name for one in self._found.files} <= set(stamp.covers)

    def _path(
        self, certificate: x509.Certificate, at: datetime, now: datetime, demands: Demands
    ) -> Outcome:
        question = Question(self._anchors, self._material, Timing(at, max(now, at)), demands)
        return Validator(question, self._budget).validate(certificates.of(certificate))

    def _whole(self) -> SignatureReport:
        """Judge the signature of the node that made the container."""
        if len(self._found.signatures) != 1:
            raise claims.malformed("one signature is over an evidence container")
        (found,) = self._found.signatures
        reasons = list(found.problems)
        outcome: Outcome | None = None
        at = found.claimed_at or self._kept_at
        if found.certificate is not None:
            outcome = self._path(found.certificate, at, self._kept_at, Demands())
            reasons += failed(outcome, at, SIGNER_REASONS, "signer")
            reasons += self._made_by(found)
        return SignatureReport(
            field="container",
            level="B-T" if self._found.stamps else "B-B",
            signer=None if found.certificate is None else party(found.certificate),
            signed_at=found.claimed_at,
            reasons=tuple(dict.fromkeys(reasons)),
            format="CAdES",
            proven_at=self._kept_at if self._found.stamps else None,
            claimed_at=found.claimed_at,
            algorithm=found.signature_algorithm,
            files=found.covers,
            path=() if outcome is None else path_steps(outcome),
        )

    def _made_by(self, found: FoundSignature) -> list[str]:
        """Return what is wrong with who signed the whole."""
        del found
        return []

    def _judge_stamp(self, stamp: FoundStamp, now: datetime) -> Judged:
        judged = Judged(list(stamp.problems))
        if stamp.certificate is not None and stamp.at is not None:
            demands = Demands(purposes=frozenset({TIME_STAMPING}), strict_purposes=True)
            material = Material(tuple(one.public_bytes(Encoding.DER) for one in stamp.certificates))
            question = Question(
                self._anchors, self._material + material, Timing(stamp.at, max(now, stamp.at)),
                demands,
            )  # fmt: skip
            validator = Validator(question, self._budget)
            judged.outcome = validator.validate(certificates.of(stamp.certificate))
            judged.reasons += failed(judged.outcome, stamp.at, STAMP_REASONS, "time_stamp")
            if stamp.at > self._request.at + SKEW:
                judged.reasons.append("time_stamp.future")
            if stamp.certificate.not_valid_after_utc < self._request.at:
                self.warnings.append("exchange.stamp_unit_ended")
        return judged

    def _own_stamp(self) -> StampReport | None:
        stamp = self._container_stamp
        if stamp is None or stamp.at is None:
            return None
        reasons = self._judge_stamp(stamp, stamp.at).reasons
        if not self._covers_all(stamp):
            reasons.append("container.partly_signed")
        return stamp_report(stamp, reasons)


def _under(files: Mapping[str, bytes], folder: str) -> tuple[bytes, ...]:
    return tuple(content for name, content in files.items() if name.startswith(folder))


def failed(outcome: Outcome, at: datetime, words: dict[str, str], of: str) -> list[str]:
    """Return why a path did not hold, in the words of a report about a signer or a time-stamp."""
    if outcome.passed:
        return []
    if outcome.code == "path.revoked":
        since = outcome.revoked_at
        is_before = since is not None and since <= at
        return [f"{of}.revoked" if is_before or of != "signer" else "signer.revoked_unproven"]
    return [words.get(outcome.code, f"{of}.untrusted")]


def stamp_report(stamp: FoundStamp, reasons: Sequence[str]) -> StampReport:
    """Return what a report says of a time-stamp."""
    authority = None if stamp.certificate is None else party(stamp.certificate).name
    return StampReport(stamp.kind, stamp.at, not reasons, tuple(dict.fromkeys(reasons)), authority)
