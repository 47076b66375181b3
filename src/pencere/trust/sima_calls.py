"""What the SİMA application sends to a relying party, and everything that must be true of it.

Public integrations check the signature against whatever certificate came with it. Here the
certificate needs a path to an anchor, the purpose of the operation, its time, and a fresh status;
who the person is stands in it and nowhere else. docs/specs/sima.md.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from pencere.kernel.errors import Invalid, Refused
from pencere.trust.mobile import Identity, identity_of
from pencere.trust.sessions import is_signed
from pencere.trust.sima import OperationType, decode
from pencere.trust.validation import StatusSource, is_self_issued, validate_chain

LARGEST_CERTIFICATE = 8_192
LARGEST_SIGNATURE = 512
LARGEST_BODY = 4_096
_ALGORITHMS = {"SHA256WITHECDSA", "SHA-256WITHECDSA"}


@dataclass(frozen=True)
class Answer:
    """What a callback says, not yet verified."""

    type: OperationType
    operation: str
    signature: bytes
    digest: bytes

    def refuse_false(self, certificate: x509.Certificate, data: bytes) -> None:
        """Return if the answer is a signature over `data` with the key of the certificate.

        Raises:
            Refused: `sima.signature_false`.
        """
        digest = hashlib.sha256(data).digest()
        if self.digest != digest or not is_signed(certificate, digest, "SHA256", self.signature):
            raise Refused("sima.signature_false")


def certificate_of(headers: Mapping[str, str], signed: bytes) -> x509.Certificate:
    """Return the certificate of a call whose `ts-sign` is over `signed`; nobody vouches for it yet.

    `signed` is path and query of a GET, the raw body of a POST.

    Raises:
        Invalid: `sima.call`, a header is absent or cannot be read.
        Refused: `sima.signature_false`.
    """
    if headers.get("ts-sign-alg", "").strip().upper() not in _ALGORITHMS:
        raise Invalid("sima.call", reason="ts-sign-alg")
    encoded = _bytes(headers.get("ts-cert", ""), "ts-cert", longest=LARGEST_CERTIFICATE)
    signature = _bytes(headers.get("ts-sign", ""), "ts-sign", longest=LARGEST_SIGNATURE)
    certificate = _read_certificate(encoded)
    if not is_signed(certificate, hashlib.sha256(signed).digest(), "SHA256", signature):
        raise Refused("sima.signature_false")
    return certificate


def read_answer(body: bytes) -> Answer:
    """Return what the body of a callback says.

    Raises:
        Invalid: `sima.call`.
    """
    if len(body) > LARGEST_BODY:
        raise Invalid("sima.call", reason="size")
    try:
        said: Any = json.loads(body)
        kind = OperationType(said["Type"])
        operation = said["OperationId"]
        algorithm = said["AlgName"]
        signature = _bytes(said["DataSignature"], "DataSignature", longest=LARGEST_SIGNATURE)
        digest = _bytes(said["SignedDataHash"], "SignedDataHash", longest=64)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Invalid("sima.call", reason=type(error).__name__) from error
    if not isinstance(operation, str) or not isinstance(algorithm, str) or len(operation) > 100:
        raise Invalid("sima.call", reason="type")
    if algorithm.strip().upper() not in _ALGORITHMS:
        raise Invalid("sima.call", reason="AlgName")
    return Answer(kind, operation, signature, digest)


def identify(
    certificate: x509.Certificate,
    kind: OperationType,
    anchors: Sequence[x509.Certificate],
    at: datetime,
    ocsp: StatusSource,
) -> tuple[Identity, tuple[x509.Certificate, ...]]:
    """Return whom the certificate names and its path without the anchor.

    `anchors` holds roots and issuing authorities, the state's or SİMA's own.

    Raises:
        Refused, Unavailable: what `validate_chain` raises.
    """
    path = validate_chain(
        certificate,
        [one for one in anchors if not is_self_issued(one)],
        [one for one in anchors if is_self_issued(one)],
        at,
        kind.purpose,
        ocsp,
    )
    return identity_of(certificate), path[:-1]


def _bytes(given: object, name: str, *, longest: int) -> bytes:
    try:
        content = decode(given, longest=longest)
    except Invalid as error:
        raise Invalid("sima.call", reason=name) from error
    if not content:
        raise Invalid("sima.call", reason=name)
    return content


def _read_certificate(encoded: bytes) -> x509.Certificate:
    """Read every part now, so that what cannot be read is refused in one place."""
    try:
        certificate = x509.load_der_x509_certificate(encoded)
        key = certificate.public_key()
        parts = (certificate.subject, certificate.issuer, list(certificate.extensions))
    except Exception as error:  # the parser raises many kinds
        raise Invalid("sima.call", reason="ts-cert") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not all(parts[:2]):
        raise Invalid("sima.call", reason="ts-cert")
    return certificate
