"""Whether a certificate may be believed: path to an anchor, validity, purpose, status.

Our own hierarchy is small, so the path is short and everything that is not understood is
refused: an unknown critical extension, a name constraint, a longer path. RFC 5280 section 6,
RFC 6960 section 3.2.
"""

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import requests
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from pencere.kernel.errors import Refused, Unavailable
from pencere.trust.profile import AUTHORITIES, load_profile

LONGEST_PATH = 4
SKEW = timedelta(minutes=5)
ANSWER_LIMIT = 65_536

_UNDERSTOOD = {
    x509.BasicConstraints.oid,
    x509.KeyUsage.oid,
    x509.ExtendedKeyUsage.oid,
}
_NAME_CONSTRAINTS = x509.NameConstraints.oid


class StatusSource(Protocol):
    """Whatever can say whether a certificate was revoked."""

    def check(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> None:
        """Return if it is good at `at`, else raise Refused or Unavailable."""


def validate_chain(  # noqa: PLR0913, PLR0917 -- the contract between planes
    certificate: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    at: datetime,
    purpose: str | Sequence[str],
    ocsp: StatusSource | None = None,
) -> tuple[x509.Certificate, ...]:
    """Return the path from the certificate to its anchor, both included.

    `purpose` is a profile's name, or several of which one must fit. With `ocsp` every
    certificate below the anchor is asked about.

    Raises:
        Refused: `certificate.untrusted`, `certificate.expired`, `certificate.purpose`,
            `certificate.revoked`.
        Unavailable: `ocsp.unavailable`, the status could not be learned.
    """
    path = _build(certificate, intermediates, anchors)
    for depth, one in enumerate(path):
        if not one.not_valid_before_utc - SKEW <= at <= one.not_valid_after_utc:
            raise Refused("certificate.expired", depth=depth)
        _refuse_not_understood(one)
        if depth > 0:
            _refuse_no_authority(one, below=depth - 1)
    purposes = (purpose,) if isinstance(purpose, str) else tuple(purpose)
    if not any(_is_of(certificate, one) for one in purposes):
        raise Refused("certificate.purpose", expected=", ".join(purposes))
    if ocsp is not None:
        for one, issuer in pairwise(path):
            ocsp.check(one, issuer, at)
    return path


def load_hierarchy(pki: Path) -> list[x509.Certificate]:
    """Return the certificates of the root and the issuing authorities from the public folder."""
    return [
        one
        for name in AUTHORITIES
        for one in x509.load_pem_x509_certificates((pki / f"{name}.crt").read_bytes())
    ]


def is_self_issued(certificate: x509.Certificate) -> bool:
    """Say whether a certificate names itself as its issuer, as a root does."""
    return certificate.issuer == certificate.subject


def _build(
    certificate: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
) -> tuple[x509.Certificate, ...]:
    """Return the first path that holds; at most LONGEST_PATH steps, no certificate twice."""
    path = [certificate]
    if certificate in anchors:
        raise Refused("certificate.untrusted", reason="an anchor is no end entity")
    while len(path) < LONGEST_PATH:
        for anchor in anchors:
            if _is_issued_by(path[-1], anchor):
                return (*path, anchor)
        above = next(
            (
                one
                for one in intermediates[:LONGEST_PATH]
                if one not in path and _is_issued_by(path[-1], one)
            ),
            None,
        )
        if above is None:
            break
        path.append(above)
    raise Refused("certificate.untrusted", reason="no path")


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _refuse_not_understood(certificate: x509.Certificate) -> None:
    try:
        extensions = list(certificate.extensions)
    except ValueError as error:  # twice the same, or one that cannot be read
        raise Refused("certificate.untrusted", reason="extensions") from error
    for extension in extensions:
        if extension.oid == _NAME_CONSTRAINTS or (
            extension.critical and extension.oid not in _UNDERSTOOD
        ):
            raise Refused(
                "certificate.untrusted", reason=f"extension {extension.oid.dotted_string}"
            )


def _refuse_no_authority(certificate: x509.Certificate, *, below: int) -> None:
    extensions = certificate.extensions
    try:
        basic = extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        raise Refused("certificate.untrusted", reason="not an authority") from error
    is_too_deep = basic.path_length is not None and below > basic.path_length
    if not basic.ca or not usage.key_cert_sign or is_too_deep:
        raise Refused("certificate.untrusted", reason="not an authority")


def _is_of(certificate: x509.Certificate, purpose: str) -> bool:
    profile = load_profile(purpose)
    extensions = certificate.extensions
    try:
        policies = extensions.get_extension_for_class(x509.CertificatePolicies).value
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        wanted = set(profile.extended_key_usage.purposes) if profile.extended_key_usage else set()
        given = (
            {
                one.dotted_string
                for one in extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            }
            if wanted
            else set()
        )
    except x509.ExtensionNotFound:
        return False
    named = {policy.policy_identifier.dotted_string for policy in policies}
    used = all(getattr(usage, name) for name in profile.key_usage)
    return set(profile.policies) <= named and used and wanted <= given


@dataclass
class OcspClient:
    """Asks the responder that a certificate names, and believes only a fresh, delegated answer.

    Answers about authorities are kept until half their life is over; an answer about a person,
    a body or a node is always asked for anew. Safe to share between threads.
    """

    timeout_s: float = 5.0
    _kept: dict[bytes, datetime] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def check(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> None:
        """Return if the responder says good.

        Raises:
            Refused: `certificate.revoked`; `certificate.untrusted` when it is unknown there.
            Unavailable: `ocsp.unavailable`: no answer, or none that can be believed.
        """
        fingerprint = certificate.fingerprint(hashes.SHA256())
        with self._lock:
            until = self._kept.get(fingerprint)
        if until is not None and at < until:
            return
        answer = self.ask(certificate, issuer, at)
        if _is_authority(certificate) and answer.next_update_utc is not None:
            with self._lock:
                self._kept[fingerprint] = at + (answer.next_update_utc - at) / 2

    def ask(
        self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
    ) -> ocsp.OCSPResponse:
        """Return the verified answer that says good; raises as `check` does."""
        nonce = secrets.token_bytes(32)
        request = (
            ocsp.OCSPRequestBuilder()
            .add_certificate(certificate, issuer, hashes.SHA256())
            .add_extension(x509.OCSPNonce(nonce), critical=False)
            .build()
        )
        encoded = self._fetch(_responder_of(certificate), request.public_bytes(Encoding.DER))
        try:
            answer = ocsp.load_der_ocsp_response(encoded)
            _refuse_unbelievable(answer, request, issuer, nonce, at)
            status = answer.certificate_status
        except (ValueError, x509.ExtensionNotFound, InvalidSignature, NotImplementedError) as error:
            raise Unavailable("ocsp.unavailable", reason=type(error).__name__) from error
        if status is ocsp.OCSPCertStatus.REVOKED:
            raise Refused("certificate.revoked")
        if status is not ocsp.OCSPCertStatus.GOOD:
            raise Refused("certificate.untrusted", reason="unknown to its issuer")
        return answer

    def _fetch(self, url: str, request: bytes) -> bytes:
        try:
            with requests.post(
                url,
                data=request,
                headers={"Content-Type": "application/ocsp-request"},
                timeout=self.timeout_s,
                allow_redirects=False,
                stream=True,
            ) as response:
                body: bytes = response.raw.read(ANSWER_LIMIT + 1, decode_content=True)
        except (requests.RequestException, OSError) as error:
            raise Unavailable("ocsp.unavailable", reason=type(error).__name__) from error
        if response.status_code != 200 or len(body) > ANSWER_LIMIT:
            raise Unavailable("ocsp.unavailable", reason=f"status {response.status_code}")
        return body


def _responder_of(certificate: x509.Certificate) -> str:
    try:
        access = certificate.extensions.get_extension_for_class(
            x509.AuthorityInformationAccess
        ).value
    except x509.ExtensionNotFound as error:
        raise Unavailable("ocsp.unavailable", reason="no responder named") from error
    for one in access:
        if one.access_method == AuthorityInformationAccessOID.OCSP:
            return str(one.access_location.value)
    raise Unavailable("ocsp.unavailable", reason="no responder named")


def _is_authority(certificate: x509.Certificate) -> bool:
    return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def _refuse_unbelievable(
    answer: ocsp.OCSPResponse,
    request: ocsp.OCSPRequest,
    issuer: x509.Certificate,
    nonce: bytes,
    at: datetime,
) -> None:
    """Raise unless the answer is to this request, in time, and from a delegate of the issuer."""
    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise ValueError("not successful")
    asked = (request.serial_number, request.issuer_key_hash, request.issuer_name_hash)
    if (answer.serial_number, answer.issuer_key_hash, answer.issuer_name_hash) != asked:
        raise ValueError("another certificate")
    if answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce != nonce:
        raise ValueError("not fresh")
    if answer.next_update_utc is None or not (
        answer.this_update_utc - SKEW <= at <= answer.next_update_utc + SKEW
    ):
        raise ValueError("not in time")
    responder = next(
        (one for one in answer.certificates if _is_delegate(one, answer, issuer, at)), None
    )
    key, algorithm = (responder or issuer).public_key(), answer.signature_hash_algorithm
    if responder is None or not isinstance(key, ec.EllipticCurvePublicKey) or algorithm is None:
        raise ValueError("no delegated responder")
    key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(algorithm))


def _is_delegate(
    certificate: x509.Certificate,
    answer: ocsp.OCSPResponse,
    issuer: x509.Certificate,
    at: datetime,
) -> bool:
    key_id = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    return (
        answer.responder_key_hash == key_id
        and ExtendedKeyUsageOID.OCSP_SIGNING in purposes
        and certificate.not_valid_before_utc - SKEW <= at <= certificate.not_valid_after_utc
        and _is_issued_by(certificate, issuer)
    )
