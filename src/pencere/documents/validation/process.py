"""Judging a signed file: the validation process of ETSI EN 319 102-1, our own steps.

Time-stamps are judged from the newest to the oldest; each that holds proves that everything it
is over existed at its time (clause 5.6.2.3), which is what lets older ones and the signature
outlive their certificates. Then each signature is judged at the earliest time it is proven to
have existed: basic (5.3), with time (5.5) and long-term (5.6) in one. docs/specs/validation.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pencere.documents.validation import certificate as certificates
from pencere.documents.validation.certificate import Certificate
from pencere.documents.validation.evidence import Document, Signature, Stamp, sha256
from pencere.documents.validation.indication import REASONS, Indication
from pencere.documents.validation.limits import Budget
from pencere.documents.validation.material import Material
from pencere.documents.validation.path import Checking, Outcome, Question, Validator
from pencere.documents.validation.policy import TIME_STAMPING, Policy
from pencere.documents.validation.processing import Demands
from pencere.documents.validation.status import SKEW, Timing
from pencere.kernel.errors import Invalid

# RFC 3161 section 4: tokens from before such a revocation keep their worth.
_HARMLESS = frozenset({"affiliation_changed", "superseded", "cessation_of_operation"})


@dataclass(frozen=True)
class StampJudgement:
    """What a time-stamp turned out to be worth; no reasons: its time is proven."""

    stamp: Stamp
    reasons: tuple[str, ...]
    outcome: Outcome | None
    certificate: Certificate | None

    @property
    def holds(self) -> bool:
        """Say whether its time may be relied on."""
        return not self.reasons


@dataclass(frozen=True)
class SignatureJudgement:
    """What a signature turned out to be. `proven_at` is its best signature time."""

    signature: Signature
    reasons: tuple[str, ...]
    level: str
    proven_at: datetime | None
    signed_at: datetime | None
    certificate: Certificate | None
    outcome: Outcome | None
    stamps: tuple[StampJudgement, ...]


@dataclass(frozen=True)
class Judgement:
    """All of a file. `reasons` are of the file itself, beside those of its signatures."""

    document: Document
    signatures: tuple[SignatureJudgement, ...]
    stamps: tuple[StampJudgement, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class UsedObject:
    """A thing that validation used: `kind` as in TS 119 102-2, bytes, and when it existed."""

    kind: str
    content: bytes
    existed_at: datetime


Proofs = dict[bytes, datetime]
Fetch = Callable[[Certificate, Certificate, datetime], Material]


@dataclass
class Process:
    """One run. `fetch`, when given, asks for evidence that the file does not carry."""

    document: Document
    anchors: tuple[Certificate, ...]
    now: datetime
    policy: Policy
    extra: Material
    budget: Budget
    fetch: Fetch | None = None

    def __post_init__(self) -> None:
        self._proofs: Proofs = {}
        self._judged: dict[bytes, StampJudgement] = {}
        self._material = self.document.material + self.extra
        self._validator = self._make_validator()

    def judge(self) -> Judgement:
        """Return what the file is."""
        newest_first = sorted(
            self.document.all_stamps(), key=lambda one: one.at or self.now, reverse=True
        )
        for stamp in newest_first:
            found = self._judge_stamp(stamp)
            self._judged[stamp.token] = found
            if found.holds and stamp.at is not None:
                for name in stamp.proves:
                    self._proofs[name] = min(self._proofs.get(name, self.now), stamp.at)
        return Judgement(
            self.document,
            tuple(self._judge_signature(one) for one in self.document.signatures),
            tuple(self._judged[one.token] for one in self.document.stamps),
            self.document.problems,
        )

    def used_material(self) -> list[UsedObject]:
        """Return every object at hand, with the time each is proven to have existed."""
        kinds = (
            ("certificate", self._material.certificates),
            ("CRL", self._material.crls),
            ("OCSPResponse", self._material.ocsps),
            ("timestamp", tuple(one.token for one in self.document.all_stamps() if one.token)),
        )
        return [
            UsedObject(kind, content, self._proven(sha256(content)))
            for kind, found in kinds
            for content in found
        ]

    def _proven(self, name: bytes) -> datetime:
        return min(self._proofs.get(name, self.now), self.now)

    def _make_validator(self) -> Validator:
        question = Question(
            self.anchors,
            self._material,
            Timing(self.now, self.now, existed_by=self._proven),
            Demands(strength=self.policy.strength),
            Checking.ALL,
        )
        return Validator(question, self.budget)

    def _validate(self, leaf: Certificate, timing: Timing, demands: Demands) -> Outcome:
        found = self._validator.validate(leaf, timing, demands)
        if self.fetch is None or found.code not in _WANTING or len(found.path) < 2:
            return found
        # Asked only along a path whose signatures hold up to one of our anchors: whoever made
        # the file cannot have us ask an address of their choosing.
        for below, above in zip(found.path, found.path[1:], strict=False):
            self._material += self.fetch(below, above, self.now)
        self._validator = self._make_validator()
        return self._validator.validate(leaf, timing, demands)

    def _judge_stamp(self, stamp: Stamp) -> StampJudgement:
        certificate = _certificate(stamp.certificate)
        if stamp.problems:
            return StampJudgement(stamp, stamp.problems, None, certificate)
        if stamp.at is None or certificate is None:
            return StampJudgement(stamp, ("time_stamp.wrong",), None, certificate)
        if stamp.at > self.now + SKEW:
            return StampJudgement(stamp, ("time_stamp.future",), None, certificate)
        existed = max(self._proven(stamp.sha256), stamp.at)
        demands = Demands(
            strength=self.policy.strength,
            purposes=frozenset({TIME_STAMPING}),
            strict_purposes=True,
            is_authority=False,
        )
        made = min(stamp.at, self.now)
        # Evidence about the unit counts as of the token's time: who forges it with the key of an
        # expired responder still lacks the key of the unit.
        timing = Timing(made, self.now, existed_by=lambda name: min(self._proven(name), made))
        outcome = self._validate(certificate, timing, demands)
        reason = _stamp_reason(outcome, certificate, existed)
        return StampJudgement(stamp, (reason,) if reason else (), outcome, certificate)

    def _judge_signature(self, one: Signature) -> SignatureJudgement:
        judged = tuple(self._judged[stamp.token] for stamp in one.stamps)
        certificate = _certificate(one.certificate)
        proven = self._proven(one.sha256)
        is_stamped = one.sha256 in self._proofs
        reasons = [*one.problems]
        outcome = None
        if certificate is not None:
            timing = Timing(proven, self.now, existed_by=self._proven)
            outcome = self._validate(certificate, timing, self._signer_demands())
            reasons += self._signer_reasons(one, certificate, outcome, proven)
        elif not reasons:
            reasons.append("signature.certificate_missing")
        reasons += self._time_reasons(one, judged, is_stamped=is_stamped)
        return SignatureJudgement(
            one,
            tuple(dict.fromkeys(reasons)),
            self._level(one, judged),
            proven if is_stamped else None,
            proven if is_stamped else self._stated_time(one),
            certificate,
            outcome,
            judged,
        )

    def _signer_demands(self) -> Demands:
        return Demands(strength=self.policy.strength, is_authority=False)

    def _signer_reasons(
        self, one: Signature, certificate: Certificate, outcome: Outcome, proven: datetime
    ) -> list[str]:
        reasons = []
        # Its own issuer, and not one of ours: what it may be used for does not matter.
        matters = outcome.passed or not certificate.is_self_issued
        if self.policy.needs_commitment and matters and not _promises_documents(certificate):
            reasons.append("signer.wrong_purpose")
        if outcome.passed:
            return reasons
        claimed = one.claimed_at
        match outcome.code:
            case "path.revoked":
                since = outcome.revoked_at
                is_admitted = claimed is not None and since is not None and claimed >= since
                reasons.append("signer.revoked" if is_admitted else "signer.revoked_unproven")
            case "path.expired" if outcome.depth == 0:
                is_admitted = claimed is not None and claimed > certificate.not_after
                reasons.append("signer.expired" if is_admitted else "signer.expired_unproven")
            case "path.not_yet_valid" if outcome.depth == 0 and proven < certificate.not_before:
                reasons.append("signer.not_yet_valid")
            case code:
                reasons.append(SIGNER_REASONS.get(code, "signer.not_allowed"))
        return reasons

    def _time_reasons(
        self, one: Signature, judged: tuple[StampJudgement, ...], *, is_stamped: bool
    ) -> list[str]:
        wrong = [
            reason for found in judged if found.stamp.kind != "content" for reason in found.reasons
        ]
        archives = [found for found in self._archives() if found.reasons]
        if is_stamped and not any(reason in _PROOF_OF_TAMPERING for reason in wrong):
            # What one stamp no longer proves another does.
            wrong = []
            archives = [found for found in archives if set(found.reasons) & _PROOF_OF_TAMPERING]
        reasons = [*wrong, *(reason for found in archives for reason in found.reasons)]
        if not is_stamped and not reasons and self.policy.needs_time:
            reasons.append("time_stamp.missing")
        if _is_out_of_order(judged, self._proven(one.sha256)):
            reasons.append("time_stamp.order")
        return reasons

    def _archives(self) -> list[StampJudgement]:
        return [self._judged[one.token] for one in self.document.stamps]

    def _stated_time(self, one: Signature) -> datetime | None:
        """The time of a stamp that could not be relied on, for the reader; else none."""
        times = [stamp.at for stamp in one.stamps if stamp.kind == "signature" and stamp.at]
        return min(times, default=None)

    def _level(self, one: Signature, judged: tuple[StampJudgement, ...]) -> str:
        stamped = any(found.stamp.kind == "signature" for found in judged)
        archived = any(found.stamp.kind == "archive" for found in judged) or any(
            one.sha256 in stamp.proves for stamp in self.document.stamps
        )
        if not stamped and not archived:
            return "B-B"
        if archived and one.has_evidence:
            return "B-LTA"
        return "B-LT" if one.has_evidence else "B-T"


_WANTING = frozenset(
    {"path.no_status", "evidence.expired", "evidence.too_old", "evidence.signer_expired"}
)
_PROOF_OF_TAMPERING = frozenset(
    code
    for code, (indication, _) in REASONS.items()
    if code.startswith("time_stamp.") and indication is Indication.FAILED
)
SIGNER_REASONS = {
    "path.none": "signer.untrusted",
    "path.too_complex": "verification.too_complex",
    "path.weak_algorithm": "signature.weak_algorithm",
    "path.authority_revoked": "signer.authority_revoked",
    "path.no_status": "signer.no_evidence",
    "path.expired": "signer.expired_unproven",
    "path.not_yet_valid": "signer.not_yet_valid",
    "evidence.expired": "signer.no_evidence",
    "evidence.too_old": "signer.no_evidence",
    "evidence.signer_expired": "signer.evidence_expired",
}
STAMP_REASONS = {
    "path.too_complex": "verification.too_complex",
    "path.weak_algorithm": "time_stamp.weak_algorithm",
    "path.revoked": "time_stamp.revoked",
    "path.authority_revoked": "time_stamp.revoked",
    "path.no_status": "time_stamp.no_evidence",
    "evidence.expired": "time_stamp.no_evidence",
    "evidence.too_old": "time_stamp.no_evidence",
    "evidence.signer_expired": "time_stamp.no_evidence",
}


def _stamp_reason(outcome: Outcome, certificate: Certificate, existed: datetime) -> str | None:
    """Return why the time of a token is not proven; `existed`: when it is known to have been."""
    if not outcome.passed:
        return STAMP_REASONS.get(outcome.code, "time_stamp.untrusted")
    if existed > min(one.not_after for one in outcome.path[:-1] or (certificate,)):
        return "time_stamp.expired"
    for status in outcome.statuses:
        # Revoked after the token was made: what matters is why, and whether it existed before.
        if (
            status.revoked_at is not None
            and status.revoked_at <= existed
            and status.reason not in _HARMLESS
        ):
            return "time_stamp.revoked"
    return None


def _is_out_of_order(judged: tuple[StampJudgement, ...], proven: datetime) -> bool:
    """Clause 5.5.4 (6): content stamps come first, archive stamps last."""
    content = [one.stamp.at for one in judged if one.stamp.kind == "content" and one.holds]
    if any(at is not None and at > proven + SKEW for at in content):
        return True
    of_signature = [one.stamp.at for one in judged if one.stamp.kind == "signature" and one.holds]
    later = [one.stamp.at for one in judged if one.stamp.kind == "archive" and one.holds]
    return any(
        first is not None and second is not None and second + SKEW < first
        for first in of_signature
        for second in later
    )


def _promises_documents(certificate: Certificate) -> bool:
    usage = certificate.usage
    return usage is not None and usage.content_commitment


def _certificate(der: bytes | None) -> Certificate | None:
    if der is None:
        return None
    try:
        return certificates.load(der)
    except Invalid:
        return None
