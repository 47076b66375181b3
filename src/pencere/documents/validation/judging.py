"""From bytes to a report: reading by format, judging, and words for the result.

Never raises for a hostile file: whatever goes wrong is a reason. It may take long or much
memory, though; `pool` runs it within limits.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from pencere.documents.formats import reading
from pencere.documents.validation import certificate as certificates
from pencere.documents.validation import etsi_report, pdf
from pencere.documents.validation.certificate import Certificate
from pencere.documents.validation.evidence import Document, of_found
from pencere.documents.validation.fetching import Fetcher
from pencere.documents.validation.limits import Budget
from pencere.documents.validation.path import Outcome
from pencere.documents.validation.policy import POLICIES
from pencere.documents.validation.process import (
    Judgement,
    Process,
    SignatureJudgement,
    StampJudgement,
)
from pencere.documents.validation.quality import Services
from pencere.documents.validation.report import (
    LARGEST_FILE_BYTES,
    FileReport,
    Party,
    PathStep,
    Report,
    SignatureReport,
    StampReport,
    without_verdict,
)
from pencere.documents.validation.request import Request
from pencere.kernel.errors import Invalid

log = logging.getLogger(__name__)

_OF_FORMAT = {
    "format.unknown": "file.unknown",
    "format.too_large": "file.too_large",
    "format.dangerous": "file.dangerous",
    "format.damaged": "file.damaged",
}


def judge(request: Request) -> Report:
    """Return what a file is."""
    sha256 = hashlib.sha256(request.content).hexdigest()
    if len(request.content) > LARGEST_FILE_BYTES:
        return without_verdict(sha256, "file.too_large", request.at)
    try:
        document = read(request.content, request.detached)
    except pdf.Unreadable as error:
        return without_verdict(sha256, error.reason, request.at)
    except RecursionError:
        return without_verdict(sha256, "file.dangerous", request.at)
    return _judged(document, request)


def read(content: bytes, detached: Mapping[str, bytes]) -> Document:
    """Return the signatures of a file of any format.

    Raises:
        pdf.Unreadable: with the reason.
    """
    if b"%PDF-" in content[:1024]:
        return pdf.read(content)
    try:
        return of_found(reading.read(content, files=dict(detached)), content)
    except Invalid as error:
        raise pdf.Unreadable(_OF_FORMAT.get(error.code, "file.damaged")) from error


def _judged(document: Document, request: Request) -> Report:
    anchors = certificates.readable(list(request.anchors))
    services = Services.load(
        request.lists,
        [one.x509 for one in certificates.readable(list(request.list_signers))],
        [one.x509 for one in anchors],
        request.at,
    )
    process = Process(
        document,
        tuple(dict.fromkeys((*anchors, *services.anchors))),
        request.at,
        POLICIES[request.policy],
        request.extra,
        Budget(seconds=request.seconds),
        Fetcher(seconds=request.seconds / 2).fetch if request.online else None,
    )
    judgement = process.judge()
    signatures = tuple(
        _signature(one, services, frozenset(anchors), request.at) for one in judgement.signatures
    )
    own = judgement.reasons
    if not signatures:
        own = (*own, "signature.none")
    reasons = (*own, *(reason for one in signatures for reason in one.reasons))
    report = Report(
        # Every reason of any signature is one of the file; the order is that of signing.
        reasons=tuple(dict.fromkeys(reasons)),
        sha256=document.sha256,
        signatures=signatures,
        form=document.form,
        policy=request.policy,
        validated_at=request.at,
        stamps=tuple(_stamp(one) for one in judgement.stamps),
        files=tuple(FileReport(one.name, one.sha256, one.is_signed) for one in document.files),
        warnings=services.warnings,
    )
    if request.wants_xml:
        return replace(report, etsi_xml=_xml(judgement, report, process))
    return report


def _xml(judgement: Judgement, report: Report, process: Process) -> str:
    return etsi_report.render(judgement, report, process.used_material())


def _signature(
    one: SignatureJudgement, services: Services, anchors: frozenset[Certificate], now: datetime
) -> SignatureReport:
    found = one.signature
    used_at = one.proven_at or now
    reasons = one.reasons
    path = () if one.outcome is None else one.outcome.path
    if path and path[-1] not in anchors and not services.is_recognised(path[-1], used_at):
        # Trusted only through a list, and not under it at the time that counts.
        reasons = tuple(dict.fromkeys((*reasons, "signer.untrusted")))
    return SignatureReport(
        field=found.name,
        level=one.level,
        signer=None if one.certificate is None else party(one.certificate.x509),
        signed_at=one.signed_at,
        reasons=reasons,
        format=found.format,
        proven_at=one.proven_at,
        claimed_at=found.claimed_at,
        algorithm=found.signature_algorithm,
        files=found.covers,
        stamps=tuple(_stamp(stamp) for stamp in one.stamps),
        path=() if one.outcome is None else path_steps(one.outcome),
        quality=services.quality(one.outcome, used_at),
    )


def _stamp(one: StampJudgement) -> StampReport:
    authority = None if one.certificate is None else party(one.certificate.x509).name
    return StampReport(one.stamp.kind, one.stamp.at, one.holds, one.reasons, authority)


def path_steps(outcome: Outcome) -> tuple[PathStep, ...]:
    """Return a path as a report shows it."""
    steps = []
    first = len(outcome.path) - 1 - len(outcome.statuses)
    for place, one in enumerate(outcome.path):
        number = place - max(first, 0)
        status = outcome.statuses[number] if 0 <= number < len(outcome.statuses) else None
        is_anchor = place == len(outcome.path) - 1
        steps.append(
            PathStep(
                party(one.x509).name,
                one.sha256.hex(),
                one.not_after,
                "anchor" if is_anchor else status.state.value if status else "unknown",
                None if status is None else status.revoked_at,
            )
        )
    return tuple(steps)


def party(certificate: x509.Certificate) -> Party:
    """Return who a certificate names."""
    subject = certificate.subject
    return Party(
        name=_first(subject, NameOID.COMMON_NAME) or subject.rfc4514_string()[:256],
        organization=_first(subject, NameOID.ORGANIZATION_NAME),
        identifier=_first(subject, NameOID.ORGANIZATION_IDENTIFIER)
        or _first(subject, NameOID.SERIAL_NUMBER),
        issuer=_first(certificate.issuer, NameOID.COMMON_NAME) or "",
        certificate_sha256=certificates.of(certificate).sha256.hex(),
    )


def _first(name: x509.Name, oid: x509.ObjectIdentifier) -> str | None:
    found = name.get_attributes_for_oid(oid)
    return str(found[0].value)[:256] if found else None
