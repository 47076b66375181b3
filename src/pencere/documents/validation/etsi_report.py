"""The validation report for machines: ETSI TS 119 102-2, from what was judged.

One SignatureValidationReport for each signature, and every certificate, list, answer and
time-stamp that was used as a validation object with the time it is proven to have existed.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime

from pyhanko.generated.etsi import ts_11910202 as ts
from pyhanko.generated.etsi import xades
from pyhanko.generated.w3c import xmldsig_core as ds
from xsdata.formats.dataclass.serializers import XmlSerializer
from xsdata.formats.dataclass.serializers.config import SerializerConfig
from xsdata.models.datatype import XmlDateTime

from pencere.documents.validation.indication import Indication, conclude
from pencere.documents.validation.path import Outcome
from pencere.documents.validation.policy import POLICIES
from pencere.documents.validation.process import (
    Judgement,
    SignatureJudgement,
    StampJudgement,
    UsedObject,
)
from pencere.documents.validation.report import Report

_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_NAMES = {
    "vr": "http://uri.etsi.org/19102/v1.2.1#",
    "XAdES": "http://uri.etsi.org/01903/v1.3.2#",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
_MAIN = {
    Indication.PASSED: "urn:etsi:019102:mainindication:total-passed",
    Indication.FAILED: "urn:etsi:019102:mainindication:total-failed",
    Indication.INDETERMINATE: "urn:etsi:019102:mainindication:indeterminate",
}
_PROCESS = {"B-B": "Basic", "B-T": "LTVM", "B-LT": "LTVM", "B-LTA": "LTA"}
_BY_VALIDATION = "urn:etsi:019102:poetype:validation"


def render(judgement: Judgement, report: Report, used: Iterable[UsedObject]) -> str:
    """Return the report as XML."""
    at = report.validated_at
    if at is None:
        raise ValueError("a report without its time")
    objects = {_name_of(one): one for one in used}
    made = ts.ValidationReport(
        signature_validation_report=tuple(
            _signature(one, judgement, report.policy, at) for one in judgement.signatures
        ),
        signature_validation_objects=ts.ValidationObjectListType(
            tuple(_object(one, judgement, at) for one in objects.values())
        )
        if objects
        else None,
    )
    config = SerializerConfig(indent=" ")
    return XmlSerializer(config=config).render(made, ns_map=_NAMES)


def _signature(
    one: SignatureJudgement, judgement: Judgement, policy: str, at: datetime
) -> ts.SignatureValidationReportType:
    found = one.signature
    digest = found.data_sha256 or bytes.fromhex(judgement.document.sha256)
    signer = one.certificate
    return ts.SignatureValidationReportType(
        signature_identifier=ts.SignatureIdentifierType(
            digest_alg_and_value=_digest(digest),
            signature_value=ds.SignatureValue(found.value),
            hash_only=False,
            doc_hash_only=False,
        ),
        validation_time_info=ts.ValidationTimeInfoType(
            validation_time=XmlDateTime.from_datetime(at),
            best_signature_time=_poe(one.proven_at or at),
        ),
        signers_document=ts.SignersDocumentType(digest_alg_and_value=_digest(digest)),
        signature_attributes=_attributes(one),
        signer_information=None
        if signer is None
        else ts.SignerInformationType(
            signer_certificate=_reference(_identifier("certificate", signer.sha256))
        ),
        signature_validation_process=ts.SignatureValidationProcessType(
            signature_validation_process_id=(
                f"urn:etsi:019102:validationprocess:{_PROCESS[one.level]}"
            ),
            signature_validation_service_policy=f"urn:oid:{POLICIES[policy].oid}",
        ),
        signature_validation_status=_status(one.reasons, one.outcome),
    )


def _attributes(one: SignatureJudgement) -> ts.SignatureAttributesType | None:
    claimed = one.signature.claimed_at
    times = [stamp.stamp.at for stamp in one.stamps if stamp.stamp.kind == "signature"]
    if claimed is None and not any(times):
        return None
    return ts.SignatureAttributesType(
        signing_time=()
        if claimed is None
        else (ts.SASigningTimeType(signed=True, time=XmlDateTime.from_datetime(claimed)),),
        signature_time_stamp=tuple(
            ts.SATimestampType(signed=False, time_stamp_value=XmlDateTime.from_datetime(moment))
            for moment in times
            if moment is not None
        ),
    )


def _status(reasons: tuple[str, ...], outcome: Outcome | None) -> ts.ValidationStatusType:
    indication, sub_indication = conclude(reasons)
    return ts.ValidationStatusType(
        main_indication=_MAIN[indication],
        sub_indication=()
        if sub_indication is None
        else (f"urn:etsi:019102:subindication:{sub_indication.value}",),
        associated_validation_report_data=tuple(_data(reasons, outcome)),
    )


def _data(
    reasons: tuple[str, ...], outcome: Outcome | None
) -> Iterator[ts.ValidationReportDataType]:
    path = () if outcome is None else outcome.path
    names = [_reference(_identifier("certificate", one.sha256)) for one in path]
    details = ts.AdditionalValidationReportDataType(
        report_data=tuple(
            ts.TypedDataType(type_value="urn:pencere:validation:reason", value=reason)
            for reason in reasons
        )
    )
    if names or reasons:
        yield ts.ValidationReportDataType(
            trust_anchor=names[-1] if len(names) > 1 else None,
            certificate_chain=ts.CertificateChainType(
                signing_certificate=names[0],
                intermediate_certificate=tuple(names[1:-1]),
                trust_anchor=names[-1] if len(names) > 1 else None,
            )
            if names
            else None,
            additional_validation_report_data=details if reasons else None,
        )


def _object(one: UsedObject, judgement: Judgement, at: datetime) -> ts.ValidationObjectType:
    return ts.ValidationObjectType(
        id=_name_of(one),
        object_type=f"urn:etsi:019102:validationObject:{one.kind}",
        validation_object_representation=ts.ValidationObjectRepresentationType(base64=one.content),
        poe=_poe(one.existed_at),
        validation_report=_stamp_report(one, judgement, at),
    )


def _stamp_report(
    one: UsedObject, judgement: Judgement, at: datetime
) -> ts.SignatureValidationReportType | None:
    if one.kind != "timestamp":
        return None
    for judged in _stamps(judgement):
        if judged.stamp.token == one.content:
            return _of_stamp(judged, at)
    return None


def _of_stamp(judged: StampJudgement, at: datetime) -> ts.SignatureValidationReportType:
    stamp = judged.stamp
    return ts.SignatureValidationReportType(
        signature_identifier=ts.SignatureIdentifierType(
            digest_alg_and_value=_digest(stamp.sha256), hash_only=False, doc_hash_only=False
        ),
        validation_time_info=ts.ValidationTimeInfoType(
            validation_time=XmlDateTime.from_datetime(at), best_signature_time=_poe(at)
        ),
        signature_validation_process=ts.SignatureValidationProcessType(
            signature_validation_process_id="urn:etsi:019102:validationprocess:Basic"
        ),
        signature_validation_status=_status(judged.reasons, judged.outcome),
    )


def _stamps(judgement: Judgement) -> Iterator[StampJudgement]:
    yield from judgement.stamps
    for one in judgement.signatures:
        yield from one.stamps


def _poe(moment: datetime) -> ts.POEType:
    return ts.POEType(poetime=XmlDateTime.from_datetime(moment), type_of_proof=_BY_VALIDATION)


def _digest(value: bytes) -> xades.DigestAlgAndValueType:
    return xades.DigestAlgAndValueType(
        digest_method=ds.DigestMethod(_SHA256), digest_value=ds.DigestValue(value)
    )


def _reference(identifier: str) -> ts.VOReferenceType:
    return ts.VOReferenceType(voreference=(identifier,))


def _name_of(one: UsedObject) -> str:
    return _identifier(one.kind, hashlib.sha256(one.content).digest())


def _identifier(kind: str, sha256: bytes) -> str:
    text = base64.b32encode(sha256).decode().rstrip("=").lower()
    return f"{kind}-{text}"
