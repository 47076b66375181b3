"""JSON that is signed so that it can be passed on: JWS compact form with its certificates.

RFC 7515; ES256 or ES384 by the key; `x5c` holds the certificate and the chain above it.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.kernel.canonical import canonical_json
from pencere.kernel.errors import Invalid, Refused
from pencere.trust.algorithms import P256, P384, algorithm_of
from pencere.trust.signers import Signer
from pencere.trust.validation import LONGEST_PATH, StatusSource, validate_chain

LARGEST = 16_777_216
_ALGORITHMS = {P256.name: ("ES256", 32), P384.name: ("ES384", 48)}


def sign(payload: dict[str, Any], signer: Signer) -> str:
    """Return the JWS of a JSON object."""
    algorithm, size = _kind(signer.public_key)
    certificates = [signer.certificate, *signer.chain]
    header = {
        "alg": algorithm,
        "typ": "JOSE",
        "x5c": [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in certificates],
    }
    signing_input = f"{_encode(canonical_json(header))}.{_encode(canonical_json(payload))}"
    r, s = decode_dss_signature(signer.sign(signing_input.encode()))
    return f"{signing_input}.{_encode(r.to_bytes(size, 'big') + s.to_bytes(size, 'big'))}"


def verify(
    jws: str,
    anchors: Sequence[x509.Certificate],
    at: datetime,
    purpose: str,
    ocsp: StatusSource | None = None,
) -> tuple[dict[str, Any], x509.Certificate]:
    """Return the payload and the certificate that signed it.

    Raises:
        Invalid: `signed_json.malformed`.
        Refused: `signed_json.signature`, or what `validate_chain` raises.
    """
    header, payload, signature, signing_input = parse(jws)
    certificates = _certificates(header)
    key = certificates[0].public_key()
    algorithm, size = _kind(key)
    if header.get("alg") != algorithm or "crit" in header or len(signature) != 2 * size:
        raise Refused("signed_json.signature", reason="algorithm")
    encoded = encode_dss_signature(
        int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    )
    try:
        algorithm_of(key).verify(key, signing_input, encoded)  # type: ignore[arg-type]  # _kind
    except InvalidSignature as error:
        raise Refused("signed_json.signature", reason="false") from error
    validate_chain(certificates[0], certificates[1:], anchors, at, purpose, ocsp)
    return payload, certificates[0]


def _kind(key: object) -> tuple[str, int]:
    """Return the name of a key's algorithm in JOSE and the octets of each half of a signature."""
    try:
        return _ALGORITHMS[algorithm_of(key).name]
    except (Invalid, KeyError) as error:
        raise Refused("signed_json.signature", reason="kind of key") from error


def parse(jws: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Return header, payload, signature and what was signed; nothing is verified yet.

    Raises:
        Invalid: `signed_json.malformed`.
    """
    parts = jws.split(".") if len(jws) <= LARGEST else []
    if len(parts) != 3:
        raise Invalid("signed_json.malformed", reason="parts")
    try:
        header, payload = (json.loads(_decode(part)) for part in parts[:2])
        signature = _decode(parts[2])
    except (ValueError, RecursionError, binascii.Error) as error:
        raise Invalid("signed_json.malformed", reason=type(error).__name__) from error
    if not isinstance(header, dict) or not isinstance(payload, dict):
        raise Invalid("signed_json.malformed", reason="not objects")
    return header, payload, signature, f"{parts[0]}.{parts[1]}".encode()


def _certificates(header: dict[str, Any]) -> list[x509.Certificate]:
    given = header.get("x5c")
    if not isinstance(given, list) or not 1 <= len(given) <= LONGEST_PATH:
        raise Invalid("signed_json.malformed", reason="x5c")
    try:
        return [x509.load_der_x509_certificate(base64.b64decode(one)) for one in given]
    except (ValueError, TypeError, binascii.Error) as error:
        raise Invalid("signed_json.malformed", reason="x5c") from error


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
