"""Indications and sub-indications of ETSI EN 319 102-1 clause 5.1.3, and the reasons behind them.

A reason is ours: it has a sentence in three languages (`texts.yaml`) and stands for one
sub-indication. Which indication a reason makes is the standard's, with two of its freedoms used:
a signature that claims a time after its certificate was revoked or had expired has failed, since
nobody has an interest in such a claim.
"""

from enum import StrEnum


class Indication(StrEnum):
    """The three answers about a signature."""

    PASSED = "TOTAL-PASSED"
    FAILED = "TOTAL-FAILED"
    INDETERMINATE = "INDETERMINATE"


class SubIndication(StrEnum):
    """Why it is not TOTAL-PASSED. Tables 5 and 6."""

    FORMAT_FAILURE = "FORMAT_FAILURE"
    HASH_FAILURE = "HASH_FAILURE"
    SIG_CRYPTO_FAILURE = "SIG_CRYPTO_FAILURE"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    NOT_YET_VALID = "NOT_YET_VALID"
    SIG_CONSTRAINTS_FAILURE = "SIG_CONSTRAINTS_FAILURE"
    CHAIN_CONSTRAINTS_FAILURE = "CHAIN_CONSTRAINTS_FAILURE"
    CERTIFICATE_CHAIN_GENERAL_FAILURE = "CERTIFICATE_CHAIN_GENERAL_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE = "CRYPTO_CONSTRAINTS_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE_NO_POE = "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
    TIMESTAMP_ORDER_FAILURE = "TIMESTAMP_ORDER_FAILURE"
    NO_SIGNING_CERTIFICATE_FOUND = "NO_SIGNING_CERTIFICATE_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND = "NO_CERTIFICATE_CHAIN_FOUND"
    REVOKED_NO_POE = "REVOKED_NO_POE"
    REVOKED_CA_NO_POE = "REVOKED_CA_NO_POE"
    OUT_OF_BOUNDS_NO_POE = "OUT_OF_BOUNDS_NO_POE"
    REVOCATION_OUT_OF_BOUNDS_NO_POE = "REVOCATION_OUT_OF_BOUNDS_NO_POE"
    NO_POE = "NO_POE"
    TRY_LATER = "TRY_LATER"
    SIGNED_DATA_NOT_FOUND = "SIGNED_DATA_NOT_FOUND"


_FAILED, _OPEN = Indication.FAILED, Indication.INDETERMINATE
_S = SubIndication

# Every reason a report may hold, and what it makes of the signature.
REASONS: dict[str, tuple[Indication, SubIndication | None]] = {
    "file.unknown": (_FAILED, _S.FORMAT_FAILURE),
    "file.damaged": (_FAILED, _S.FORMAT_FAILURE),
    "file.dangerous": (_FAILED, _S.FORMAT_FAILURE),
    "file.too_large": (_OPEN, None),
    "file.encrypted": (_OPEN, None),
    "file.too_many_signatures": (_OPEN, None),
    "signature.none": (_FAILED, _S.FORMAT_FAILURE),
    "signature.altered": (_FAILED, _S.HASH_FAILURE),
    "signature.wrong": (_FAILED, _S.SIG_CRYPTO_FAILURE),
    "signature.malformed": (_FAILED, _S.FORMAT_FAILURE),
    "signature.unsupported": (_OPEN, _S.CRYPTO_CONSTRAINTS_FAILURE),
    "signature.weak_algorithm": (_OPEN, _S.CRYPTO_CONSTRAINTS_FAILURE_NO_POE),
    "signature.not_bound": (_OPEN, _S.SIG_CONSTRAINTS_FAILURE),
    "signature.certificate_missing": (_OPEN, _S.NO_SIGNING_CERTIFICATE_FOUND),
    "signature.content_missing": (_OPEN, _S.SIGNED_DATA_NOT_FOUND),
    "document.changed_after": (_FAILED, _S.FORMAT_FAILURE),
    "document.not_covered": (_FAILED, _S.FORMAT_FAILURE),
    "signer.untrusted": (_OPEN, _S.NO_CERTIFICATE_CHAIN_FOUND),
    "signer.not_allowed": (_OPEN, _S.CHAIN_CONSTRAINTS_FAILURE),
    "signer.wrong_purpose": (_FAILED, _S.SIG_CONSTRAINTS_FAILURE),
    "signer.revoked": (_FAILED, _S.REVOKED),
    "signer.revoked_unproven": (_OPEN, _S.REVOKED_NO_POE),
    "signer.authority_revoked": (_OPEN, _S.REVOKED_CA_NO_POE),
    "signer.expired": (_FAILED, _S.EXPIRED),
    "signer.expired_unproven": (_OPEN, _S.OUT_OF_BOUNDS_NO_POE),
    "signer.not_yet_valid": (_FAILED, _S.NOT_YET_VALID),
    "signer.no_evidence": (_OPEN, _S.TRY_LATER),
    "signer.evidence_expired": (_OPEN, _S.REVOCATION_OUT_OF_BOUNDS_NO_POE),
    "time_stamp.missing": (_OPEN, _S.SIG_CONSTRAINTS_FAILURE),
    "time_stamp.wrong": (_FAILED, _S.HASH_FAILURE),
    "time_stamp.untrusted": (_OPEN, _S.NO_CERTIFICATE_CHAIN_FOUND),
    "time_stamp.weak_algorithm": (_OPEN, _S.CRYPTO_CONSTRAINTS_FAILURE_NO_POE),
    "time_stamp.no_evidence": (_OPEN, _S.TRY_LATER),
    "time_stamp.revoked": (_OPEN, _S.NO_POE),
    "time_stamp.expired": (_OPEN, _S.NO_POE),
    "time_stamp.future": (_FAILED, _S.TIMESTAMP_ORDER_FAILURE),
    "time_stamp.order": (_OPEN, _S.TIMESTAMP_ORDER_FAILURE),
    # What reading finds; its sentences are in formats/problems.yaml.
    "signature.dangerous": (_FAILED, _S.FORMAT_FAILURE),
    "signature.misplaced": (_FAILED, _S.FORMAT_FAILURE),
    "countersignature.wrong": (_OPEN, _S.SIG_CONSTRAINTS_FAILURE),
    "time_stamp.malformed": (_FAILED, _S.FORMAT_FAILURE),
    "time_stamp.other_content": (_FAILED, _S.HASH_FAILURE),
    "time_stamp.index_incomplete": (_FAILED, _S.FORMAT_FAILURE),
    "time_stamp.unsupported": (_OPEN, _S.CRYPTO_CONSTRAINTS_FAILURE),
    "time_stamp.not_bound": (_OPEN, _S.SIG_CONSTRAINTS_FAILURE),
    "time_stamp.certificate_missing": (_OPEN, _S.NO_SIGNING_CERTIFICATE_FOUND),
    "manifest.malformed": (_FAILED, _S.FORMAT_FAILURE),
    "manifest.ambiguous": (_FAILED, _S.FORMAT_FAILURE),
    "manifest.missing": (_FAILED, _S.FORMAT_FAILURE),
    "manifest.not_signed": (_FAILED, _S.FORMAT_FAILURE),
    "manifest.file_missing": (_FAILED, _S.HASH_FAILURE),
    "manifest.file_altered": (_FAILED, _S.HASH_FAILURE),
    "manifest.weak_digest": (_OPEN, _S.CRYPTO_CONSTRAINTS_FAILURE_NO_POE),
    "container.unsigned_file": (_FAILED, _S.FORMAT_FAILURE),
    "container.partly_signed": (_OPEN, _S.SIG_CONSTRAINTS_FAILURE),
    "container.unknown_entry": (_OPEN, _S.SIG_CONSTRAINTS_FAILURE),
    "container.manifest_differs": (_OPEN, _S.SIG_CONSTRAINTS_FAILURE),
    "container.mimetype": (_OPEN, _S.FORMAT_FAILURE),
    "container.hidden_bytes": (_OPEN, _S.FORMAT_FAILURE),
    # Evidence of an exchange of data.
    "exchange.malformed": (_FAILED, _S.FORMAT_FAILURE),
    "exchange.altered": (_FAILED, _S.HASH_FAILURE),
    "exchange.differs": (_FAILED, _S.HASH_FAILURE),
    "exchange.other_answer": (_FAILED, _S.HASH_FAILURE),
    "exchange.time_stamp_path": (_FAILED, _S.HASH_FAILURE),
    "exchange.ledger_wrong": (_FAILED, _S.HASH_FAILURE),
    "exchange.ledger_other": (_FAILED, _S.HASH_FAILURE),
    "exchange.directory_wrong": (_FAILED, _S.SIG_CONSTRAINTS_FAILURE),
    "exchange.not_in_directory": (_FAILED, _S.SIG_CONSTRAINTS_FAILURE),
    "exchange.directory_missing": (_OPEN, _S.SIG_CONSTRAINTS_FAILURE),
    "exchange.made_by_other": (_OPEN, _S.SIG_CONSTRAINTS_FAILURE),
    "verification.took_too_long": (_OPEN, None),
    "verification.too_complex": (_OPEN, _S.CERTIFICATE_CHAIN_GENERAL_FAILURE),
    "verification.failed": (_OPEN, None),
    "verification.busy": (_OPEN, None),
}

WORST = (Indication.PASSED, Indication.INDETERMINATE, Indication.FAILED)


def conclude(reasons: tuple[str, ...]) -> tuple[Indication, SubIndication | None]:
    """Return the worst that reasons make of a signature, the first of several as bad.

    No reason is TOTAL-PASSED; a reason that is not known is INDETERMINATE.
    """
    worst: tuple[Indication, SubIndication | None] = (Indication.PASSED, None)
    for reason in reasons:
        found = REASONS.get(reason, (Indication.INDETERMINATE, None))
        if WORST.index(found[0]) > WORST.index(worst[0]):
            worst = found
    return worst
