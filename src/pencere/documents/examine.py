"""Examining the signatures of a PDF from what is in the file, without asking anybody.

Never raises for a hostile file: whatever goes wrong is a reason in the report. It may take long
or much memory, though; `verify` runs it within limits.
"""

import asyncio
import hashlib
import io
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asn1crypto import cms, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESFailure, AdESIndeterminate, AdESSubIndic
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import (
    DocumentSecurityStore,
    EmbeddedPdfSignature,
    async_validate_pdf_signature,
    async_validate_pdf_timestamp,
)
from pyhanko.sign.validation.errors import NoDSSFoundError, SignatureValidationError
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import (
    DocumentTimestampStatus,
    PdfSignatureStatus,
    SignatureCoverageLevel,
    SignatureStatus,
)
from pyhanko_certvalidator import ValidationContext

from pencere.documents.report import LARGEST_FILE_BYTES, Party, Report, SignatureReport, judge

# Its warnings quote names from certificates, and a report says all that is to be said.
for _name in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

log = logging.getLogger(__name__)

MOST_SIGNATURES = 32

# A document is signed with keys that promise it; those for signing in or for TLS do not.
_DOCUMENT_KEYS = KeyUsageConstraints(key_usage={"non_repudiation"})
_CLOCK_TOLERANCE = timedelta(minutes=5)

_TRUST: dict[AdESSubIndic, str] = {
    AdESFailure.REVOKED: "signer.revoked",
    AdESFailure.NOT_YET_VALID: "signer.not_yet_valid",
    AdESIndeterminate.REVOKED_NO_POE: "signer.revoked",
    AdESIndeterminate.REVOKED_CA_NO_POE: "signer.revoked",
    AdESIndeterminate.EXPIRED: "signer.expired",
    AdESIndeterminate.OUT_OF_BOUNDS_NO_POE: "signer.expired",
    AdESIndeterminate.OUT_OF_BOUNDS_NOT_REVOKED: "signer.expired",
    AdESIndeterminate.NOT_YET_VALID: "signer.not_yet_valid",
    AdESIndeterminate.TRY_LATER: "signer.no_evidence",
    AdESIndeterminate.REVOCATION_OUT_OF_BOUNDS_NO_POE: "signer.no_evidence",
    AdESIndeterminate.CERTIFICATE_CHAIN_GENERAL_FAILURE: "signer.no_evidence",
    AdESIndeterminate.CHAIN_CONSTRAINTS_FAILURE: "signer.wrong_purpose",
    AdESIndeterminate.CRYPTO_CONSTRAINTS_FAILURE: "signature.weak_algorithm",
    AdESIndeterminate.CRYPTO_CONSTRAINTS_FAILURE_NO_POE: "signature.weak_algorithm",
}


@dataclass(frozen=True)
class _File:
    """What is common to all signatures of a file."""

    anchors: tuple[asn1_x509.Certificate, ...]
    at: datetime
    store: DocumentSecurityStore | None

    def context(self, moment: datetime) -> ValidationContext:
        """Trust the anchors at `moment`, with the evidence of the file and no other.

        Evidence issued later than `moment` tells of that moment too, so its own time of issue is
        not held against it; a revocation before `moment` is.
        """
        if self.store is None:
            return ValidationContext(
                trust_roots=list(self.anchors),
                moment=moment,
                ocsps=[],
                crls=[],
                revocation_mode="require",
            )
        return self.store.as_validation_context(
            {
                "trust_roots": list(self.anchors),
                "moment": moment,
                "revocation_mode": "require",
                "retroactive_revinfo": True,
            }
        )


def examine(content: bytes, anchors: Sequence[x509.Certificate], at: datetime) -> Report:
    """Return what the file is, `at` being now; `anchors` are the roots trusted."""
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        reports = _examine_file(content, tuple(_to_asn1(one) for one in anchors), at)
    except _Unreadable as error:
        return Report(judge((error.reason,)), (error.reason,), sha256)
    # Every reason of any signature is one of the file; the order is that of signing.
    reasons = tuple(dict.fromkeys(reason for one in reports for reason in one.reasons))
    return Report(judge(reasons), reasons, sha256, reports)


class _Unreadable(Exception):  # noqa: N818 - never leaves this module
    """The file as a whole gets a reason, and no signature is looked at."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _examine_file(
    content: bytes, anchors: tuple[asn1_x509.Certificate, ...], at: datetime
) -> tuple[SignatureReport, ...]:
    if len(content) > LARGEST_FILE_BYTES:
        raise _Unreadable("file.too_large")
    if b"%PDF-" not in content[:1024]:
        raise _Unreadable("file.not_pdf")
    try:
        reader = PdfFileReader(io.BytesIO(content), strict=True)
        encrypted = reader.encrypted
        signatures = [] if encrypted else list(reader.embedded_signatures)[:MOST_SIGNATURES]
        file = _File(anchors, at, None if encrypted else _store(reader))
    except Exception as error:
        raise _Unreadable("file.damaged") from error
    if encrypted:
        raise _Unreadable("file.encrypted")
    if content[content.rfind(b"%%EOF") + 5 :].strip(b"\r\n \t"):
        raise _Unreadable("document.changed_after")
    documents = [one for one in signatures if one.sig_object_type == "/Sig"]
    stamps = [one for one in signatures if one.sig_object_type == "/DocTimeStamp"]
    if not documents:
        raise _Unreadable("signature.none")
    return tuple(asyncio.run(_examine_all(documents, stamps, file)))


async def _examine_all(
    documents: Iterable[EmbeddedPdfSignature], stamps: Iterable[EmbeddedPdfSignature], file: _File
) -> list[SignatureReport]:
    archived_at: list[datetime] = []
    stamp_reasons: list[str] = []
    for stamp in stamps:
        moment, reason = await _examine_archive_stamp(stamp, file)
        if reason is None and moment is not None:
            archived_at.append(moment)
        elif reason is not None:
            stamp_reasons.append(reason)
    return [await _examine_one(one, file, archived_at, stamp_reasons) for one in documents]


async def _examine_one(
    signature: EmbeddedPdfSignature,
    file: _File,
    archived_at: Sequence[datetime],
    stamp_reasons: Sequence[str],
) -> SignatureReport:
    name = str(signature.field_name)[:128]
    try:
        signed_at = _stamped_at(signature)
        status = await async_validate_pdf_signature(
            signature,
            signer_validation_context=file.context(signed_at or file.at),
            ts_validation_context=file.context(signed_at or file.at),
            key_usage_settings=_DOCUMENT_KEYS,
        )
        party = _party(signature.signer_cert)
        reasons = [
            *_integrity(status),
            *_trust(status),
            *_time(status, signature, file, archived_at),
            *stamp_reasons,
        ]
    except (SignatureValidationError, PdfError, ValueError) as error:
        return _failed(name, "signature.malformed", error)
    except Exception as error:
        return _failed(name, "verification.failed", error)
    found = tuple(dict.fromkeys(reasons))
    stamped = status.timestamp_validity is not None
    level = _level(stamped=stamped, kept=file.store is not None, archived=bool(archived_at))
    return SignatureReport(name, judge(found), level, party, signed_at, found)


async def _examine_archive_stamp(
    stamp: EmbeddedPdfSignature, file: _File
) -> tuple[datetime | None, str | None]:
    try:
        moment = _token_time(stamp.signed_data)
        status = await async_validate_pdf_timestamp(stamp, file.context(moment))
    except Exception:
        return None, "time_stamp.wrong"
    if not (status.intact and status.valid) or _changed(status):
        return moment, "time_stamp.wrong"
    if not status.trusted:
        return moment, _stamp_problem(status)
    if _ends(stamp.signer_cert) < file.at:
        return moment, "time_stamp.expired"
    return moment, None


def _integrity(status: PdfSignatureStatus) -> list[str]:
    if not status.intact:
        return ["signature.altered"]
    if not status.valid:
        return ["signature.wrong"]
    if status.coverage < SignatureCoverageLevel.ENTIRE_REVISION:
        return ["document.not_covered"]
    return ["document.changed_after"] if _changed(status) else []


def _changed(status: PdfSignatureStatus | DocumentTimestampStatus) -> bool:
    if status.coverage is SignatureCoverageLevel.ENTIRE_FILE:
        return False
    level = status.modification_level
    # A further signature fills a form field; a seal that allows no change forbids even that.
    return level is None or level > ModificationLevel.FORM_FILLING or status.docmdp_ok is False


def _trust(status: SignatureStatus) -> list[str]:
    if status.trusted or not (status.intact and status.valid):
        return []
    if status.signing_cert.self_issued:
        # Its own issuer, and not one of ours: what it may be used for does not matter.
        return ["signer.untrusted"]
    return [_problem(status, "signer.untrusted")]


def _stamp_problem(stamp: SignatureStatus) -> str:
    problem = _problem(stamp, "time_stamp.untrusted")
    return "time_stamp.no_evidence" if problem == "signer.no_evidence" else "time_stamp.untrusted"


def _problem(status: SignatureStatus, otherwise: str) -> str:
    indication = status.trust_problem_indic
    return _TRUST.get(indication, otherwise) if indication is not None else otherwise


def _time(
    status: PdfSignatureStatus,
    signature: EmbeddedPdfSignature,
    file: _File,
    archived_at: Sequence[datetime],
) -> list[str]:
    stamp = status.timestamp_validity
    if stamp is None:
        return ["time_stamp.missing"]
    if not (stamp.intact and stamp.valid):
        return ["time_stamp.wrong"]
    if not stamp.trusted:
        return [_stamp_problem(stamp)]
    if stamp.timestamp > file.at + _CLOCK_TOLERANCE:
        return ["time_stamp.future"]
    token = _token(signature)
    ends = min((_ends(one) for one in _leaf_certificates(token)), default=file.at)
    # A time-stamp proves as long as its key is vouched for; a later stamp in force proves it on.
    return [] if ends >= file.at or archived_at else ["time_stamp.expired"]


def _stamped_at(signature: EmbeddedPdfSignature) -> datetime | None:
    token = _token(signature)
    return None if token is None else _token_time(token)


def _token(signature: EmbeddedPdfSignature) -> cms.SignedData | None:
    for attribute in signature.signer_info["unsigned_attrs"]:
        if attribute["type"].native == "signature_time_stamp_token":
            return attribute["values"][0]["content"]
    return None


def _token_time(token: cms.SignedData) -> datetime:
    content = token["encap_content_info"]["content"].parsed
    if not isinstance(content, tsp.TSTInfo):
        raise TypeError("not a time-stamp token")
    moment = content["gen_time"].native
    if not isinstance(moment, datetime):
        raise TypeError("no time in a time-stamp token")
    return moment


def _leaf_certificates(token: cms.SignedData | None) -> list[asn1_x509.Certificate]:
    if token is None:
        return []
    serials = {info["sid"].chosen["serial_number"].native for info in token["signer_infos"]}
    return [one.chosen for one in token["certificates"] if one.chosen.serial_number in serials]


def _level(*, stamped: bool, kept: bool, archived: bool) -> str:
    if not stamped:
        return "B-B"
    if not kept:
        return "B-T"
    return "B-LTA" if archived else "B-LT"


def _failed(name: str, reason: str, error: Exception) -> SignatureReport:
    log.info("signature_not_examined reason=%s error=%s", reason, type(error).__name__)
    reasons = (reason,)
    return SignatureReport(name, judge(reasons), "B-B", None, None, reasons)


def _store(reader: PdfFileReader) -> DocumentSecurityStore | None:
    try:
        return DocumentSecurityStore.read_dss(reader)
    except NoDSSFoundError:
        return None
    except PdfError:
        return None


def _party(certificate: asn1_x509.Certificate) -> Party:
    subject = certificate.subject.native
    return Party(
        name=_first(subject, "common_name") or certificate.subject.human_friendly,
        organization=_first(subject, "organization_name"),
        identifier=_first(subject, "organization_identifier") or _first(subject, "serial_number"),
        issuer=_first(certificate.issuer.native, "common_name") or "",
        certificate_sha256=certificate.sha256.hex(),
    )


def _first(name: dict[str, object], key: str) -> str | None:
    value = name.get(key)
    value = value[0] if isinstance(value, list) and value else value
    return str(value)[:256] if value else None


def _ends(certificate: asn1_x509.Certificate) -> datetime:
    moment: datetime = certificate.not_valid_after
    return moment


def _to_asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
