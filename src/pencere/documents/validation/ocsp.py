"""Reading OCSP answers strictly. RFC 6960; delegation section 4.2.2.2, CertID section 4.1.1.

An answer counts when it is signed by the issuer of the certificate, or by whom that issuer gave
a certificate with the OCSP-signing purpose. Nobody else is asked.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from asn1crypto import core
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import ExtensionOID

from pencere.documents.validation.certificate import UNDERSTOOD, Certificate, readable
from pencere.documents.validation.limits import LARGEST_CERTIFICATE_BYTES
from pencere.documents.validation.processing import signature_identifier
from pencere.documents.validation.signatures import Algorithm, Strength, algorithm, verify
from pencere.documents.validation.status import SKEW, State, Status, Timing, effective, unknown
from pencere.kernel.errors import Invalid, Refused

OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
_MOST_SINGLES = 1_000
_BASIC = "1.3.6.1.5.5.7.48.1.1"
_ARCHIVE_CUTOFF = "1.3.6.1.5.5.7.48.1.6"
_CERT_HASH = "1.3.36.8.3.13"
_UNDERSTOOD = {
    "1.3.6.1.5.5.7.48.1.2",  # nonce
    "1.3.6.1.5.5.7.48.1.3",  # reference to a CRL
    _ARCHIVE_CUTOFF,
    "1.3.6.1.5.5.7.48.1.9",  # extended revoked
    "1.3.6.1.4.1.11129.2.4.5",  # signed certificate timestamps
    _CERT_HASH,
    "2.5.29.21",  # reason code, as a CRL entry extension
    "2.5.29.24",  # invalidity date
}
_HASHES = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}
_HASHES |= {"sha384": hashlib.sha384, "sha512": hashlib.sha512}


@dataclass(frozen=True)
class Single:
    """The answer about one certificate."""

    hash_name: str
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial: int
    state: State
    revoked_at: datetime | None
    reason: str
    invalid_since: datetime | None
    this_update: datetime
    next_update: datetime | None
    archive_cutoff: datetime | None
    certificate_sha256: bytes | None
    is_understood: bool

    def is_about(self, certificate: Certificate, issuer: Certificate) -> bool:
        """Say whether the CertID names `certificate` of `issuer`."""
        make = _HASHES.get(self.hash_name)
        if make is None or self.serial != certificate.serial:
            return False
        name = certificate.x509.issuer.public_bytes()
        return (
            make(name).digest() == self.issuer_name_hash
            or make(issuer.x509.subject.public_bytes()).digest() == self.issuer_name_hash
        ) and make(issuer.spki_bits).digest() == self.issuer_key_hash


@dataclass(frozen=True)
class Answer:
    """An OCSP response that says something. `code` is why it cannot be used, or nothing."""

    sha256: bytes
    produced_at: datetime
    signed_bytes: bytes
    used: Algorithm
    signature: bytes
    responder_name: Any
    responder_key_hash: bytes | None
    certificates: tuple[Certificate, ...]
    singles: tuple[Single, ...]
    is_understood: bool

    def is_by(self, certificate: Certificate) -> bool:
        """Say whether the responder id names a certificate."""
        if self.responder_key_hash is not None:
            key_id: bytes = hashlib.sha1(certificate.spki_bits, usedforsecurity=False).digest()
            return key_id == self.responder_key_hash
        subject = asn1_x509.Name.load(certificate.x509.subject.public_bytes())
        return bool(subject == self.responder_name)


@lru_cache(maxsize=256)
def load(encoded: bytes) -> Answer:
    """Read an OCSPResponse.

    Raises:
        Invalid: `ocsp.malformed`; `ocsp.unsuccessful`, it holds no answer.
    """
    if len(encoded) > LARGEST_CERTIFICATE_BYTES:
        raise Invalid("ocsp.malformed", reason="too large")
    try:
        return _load(encoded)
    except Invalid:
        raise
    except Exception as error:  # asn1crypto raises what it likes for what it cannot read
        raise Invalid("ocsp.malformed", reason=type(error).__name__) from error


def _load(encoded: bytes) -> Answer:
    response = asn1_ocsp.OCSPResponse.load(encoded, strict=True)
    if response["response_status"].native != "successful":
        raise Invalid("ocsp.unsuccessful", status=response["response_status"].native)
    inner = response["response_bytes"]
    if inner["response_type"].dotted != _BASIC:
        raise Invalid("ocsp.malformed", reason="type")
    basic = inner["response"].parsed
    data = basic["tbs_response_data"]
    if data["version"].native != "v1":
        raise Invalid("ocsp.malformed", reason="version")
    singles = data["responses"]
    if len(singles) > _MOST_SINGLES:
        raise Invalid("ocsp.malformed", reason="too many answers")
    responder = data["responder_id"]
    is_by_name = responder.name == "by_name"
    signature = basic["signature"]
    return Answer(
        sha256=hashlib.sha256(encoded).digest(),
        produced_at=data["produced_at"].native,
        signed_bytes=data.dump(),
        used=algorithm(basic["signature_algorithm"].dump()),
        signature=signature.native,
        responder_name=responder.chosen if is_by_name else None,
        responder_key_hash=None if is_by_name else responder.chosen.native,
        certificates=tuple(
            readable([one.dump() for one in basic["certs"]] if basic["certs"] else [])
        ),
        singles=tuple(_single(one) for one in singles),
        is_understood=_all_understood(data["response_extensions"]),
    )


def _single(one: asn1_ocsp.SingleResponse) -> Single:
    identity, status = one["cert_id"], one["cert_status"]
    revoked_at, reason = None, ""
    if status.name == "revoked":
        revoked_at = status.chosen["revocation_time"].native
        reason = status.chosen["revocation_reason"].native or ""
    extensions = {
        extension["extn_id"].dotted: extension["extn_value"]
        for extension in one["single_extensions"] or ()
    }
    return Single(
        hash_name=identity["hash_algorithm"]["algorithm"].native,
        issuer_name_hash=identity["issuer_name_hash"].native,
        issuer_key_hash=identity["issuer_key_hash"].native,
        serial=identity["serial_number"].native,
        state=State(status.name),
        revoked_at=revoked_at,
        reason=reason,
        invalid_since=_instant(extensions.get("2.5.29.24")),
        this_update=one["this_update"].native,
        next_update=one["next_update"].native,
        archive_cutoff=_instant(extensions.get(_ARCHIVE_CUTOFF)),
        certificate_sha256=_certificate_hash(extensions.get(_CERT_HASH)),
        is_understood=_all_understood(one["single_extensions"]),
    )


def _instant(value: core.ParsableOctetString | None) -> datetime | None:
    if value is None:
        return None
    found: datetime = core.GeneralizedTime.load(
        value.native if isinstance(value.native, bytes) else value.contents
    ).native
    return found


def _certificate_hash(value: core.ParsableOctetString | None) -> bytes | None:
    if value is None:
        return None
    parts = core.SequenceOf.load(value.contents, spec=core.Any)
    digest: bytes = parts[1].parse(core.OctetString).native
    return digest if len(digest) == 32 else None


def _all_understood(extensions: Any) -> bool:
    return not any(
        one["critical"].native and one["extn_id"].dotted not in _UNDERSTOOD
        for one in extensions or ()
    )


@dataclass(frozen=True)
class Asked:
    """What an answer is to be about, and who may vouch for a responder without nocheck."""

    certificate: Certificate
    issuer: Certificate
    issuer_key: PublicKeyTypes
    timing: Timing
    strength: Strength | None
    others: tuple[Certificate, ...]
    check_responder: Callable[[Certificate, datetime], Status]
    spend: Callable[[], None]


def status(answer: Answer, asked: Asked) -> Status:
    """Return what an answer says about a certificate; `unknown` when it cannot be relied on."""
    about = [one for one in answer.singles if one.is_about(asked.certificate, asked.issuer)]
    if not about:
        return unknown("ocsp.other_certificate")
    if not answer.is_understood or not all(one.is_understood for one in about):
        return unknown("ocsp.critical_extension")
    problem = _signer_problem(answer, asked)
    if problem is not None:
        return unknown(problem)
    return _worst([_of_single(one, answer, asked) for one in about])


def _of_single(one: Single, answer: Answer, asked: Asked) -> Status:
    timing, certificate = asked.timing, asked.certificate
    problem = timing.problem(one.this_update, one.next_update)
    if problem is None and answer.produced_at > timing.now + SKEW:
        problem = "evidence.future"
    if one.certificate_sha256 is not None and one.certificate_sha256 != certificate.sha256:
        problem = "ocsp.other_certificate"
    if problem is not None:
        return unknown(problem)
    # RFC 6960 section 4.4.4: about an expired certificate only with a cut-off before its end.
    is_kept = one.archive_cutoff is not None and one.archive_cutoff <= certificate.not_after
    if one.state is State.GOOD and one.this_update > certificate.not_after and not is_kept:
        return unknown("evidence.after_expiry")
    revoked_at = None
    if one.state is State.REVOKED and one.revoked_at is not None:
        revoked_at = effective(one.revoked_at, one.reason, one.invalid_since)
    return Status(
        one.state,
        "ocsp.unknown" if one.state is State.UNKNOWN else "",
        revoked_at,
        one.reason,
        answer.sha256,
        one.this_update,
        one.next_update,
    )


def _worst(found: Iterable[Status]) -> Status:
    order = (State.REVOKED, State.GOOD, State.UNKNOWN)
    return min(found, key=lambda one: order.index(one.state))


def _signer_problem(answer: Answer, asked: Asked) -> str | None:
    """Return why nobody who may has signed the answer."""
    proven = asked.timing.proven(answer.sha256)
    problem = "ocsp.responder_unknown"
    if answer.is_by(asked.issuer):
        problem = _with_key(answer, asked.issuer_key, asked, proven) or ""
        if not problem:
            return None if proven <= asked.issuer.not_after else "evidence.signer_expired"
    for responder in dict.fromkeys((*answer.certificates, *asked.others)):
        if responder == asked.issuer or not answer.is_by(responder):
            continue
        found = _delegate_problem(responder, answer, asked, proven)
        if found is None:
            return None
        problem = found
    return problem


def _with_key(answer: Answer, key: PublicKeyTypes, asked: Asked, proven: datetime) -> str | None:
    asked.spend()
    try:
        verify(key, answer.used, answer.signature, answer.signed_bytes)
    except Refused:
        return "ocsp.signature"
    digests = tuple(filter(None, (answer.used.digest, answer.used.mask_digest)))
    if asked.strength is not None and asked.strength.is_weak(key, digests, proven):
        return "evidence.weak_algorithm"
    return None


def _delegate_problem(
    responder: Certificate, answer: Answer, asked: Asked, proven: datetime
) -> str | None:
    try:
        if not _may_answer(responder, asked.issuer):
            return "ocsp.responder_not_delegated"
        asked.spend()
        made = algorithm(signature_identifier(responder))
        verify(asked.issuer_key, made, responder.x509.signature, responder.signed_bytes)
        problem = _with_key(answer, responder.public_key(asked.issuer_key), asked, proven)
    except (Refused, Invalid):
        return "ocsp.responder_not_delegated"
    if problem is not None:
        return problem
    if not responder.is_valid_at(answer.produced_at) or proven > responder.not_after:
        return "evidence.signer_expired"
    if ExtensionOID.OCSP_NO_CHECK in responder.extensions:
        return None
    checked = asked.check_responder(responder, proven)
    return None if checked.state is State.GOOD else "ocsp.responder_status"


def _may_answer(responder: Certificate, issuer: Certificate) -> bool:
    """Section 4.2.2.2: issued by the same authority, for this purpose and no limit against it."""
    if responder.purposes is None or OCSP_SIGNING not in responder.purposes:
        return False
    usage = responder.usage
    may_sign = usage is None or usage.digital_signature or usage.content_commitment
    is_understood = not any(
        one.critical and oid not in UNDERSTOOD for oid, one in responder.extensions.items()
    )
    return responder.issuer == issuer.subject and may_sign and is_understood
