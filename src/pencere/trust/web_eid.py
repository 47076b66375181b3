"""Web eID: a person proves themselves to a site with a card or a token, by its challenge.

The card signs the hash of the site's origin and the hash of the site's nonce, so that what was
signed for one site is good for no other. Format `web-eid:1.0`; docs/specs/web-eid.md.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.kernel.errors import Invalid, Refused
from pencere.trust.mobile import Identity, identity_of
from pencere.trust.validation import StatusSource, is_self_issued, validate_chain

FORMAT = "web-eid:1"
PURPOSE = "person-authentication"
NONCE_BYTES = 32
LARGEST_TOKEN = 16_384
SMALLEST_RSA_BITS = 2048

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
# RFC 7518 section 3.4: one curve for each hash.
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_ALGORITHMS = {f"{kind}{size}" for kind in ("ES", "PS", "RS") for size in _HASHES}

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True)
class Token:
    """An authentication token as it came: nothing in it is proven."""

    certificate: x509.Certificate
    algorithm: str
    signature: bytes


def algorithm_for(certificate: x509.Certificate) -> str:
    """Return the algorithm by which the key of a certificate signs.

    Raises:
        Invalid: `web_eid.key`, none of those.
    """
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= SMALLEST_RSA_BITS:
        return "RS256"
    raise Invalid("web_eid.key")


def signed_bytes(algorithm: str, origin: str, nonce: str) -> bytes:
    """Return what the key signs, before the hash of the signature: hash(origin) + hash(nonce)."""
    name = f"sha{algorithm[2:]}"
    return b"".join(hashlib.new(name, part.encode()).digest() for part in (origin, nonce))


def make(
    certificate: x509.Certificate,
    sign: Callable[[str, bytes], bytes],
    *,
    origin: str,
    nonce: str,
    version: str,
) -> dict[str, str]:
    """Return the token that `sign(algorithm, data)` makes; ECDSA as r and s side by side."""
    algorithm = algorithm_for(certificate)
    signature = sign(algorithm, signed_bytes(algorithm, origin, nonce))
    return {
        "unverifiedCertificate": _encode(certificate.public_bytes(Encoding.DER)),
        "algorithm": algorithm,
        "signature": _encode(signature),
        "format": f"{FORMAT}.0",
        "appVersion": version,
    }


def parse(text: str | bytes) -> Token:
    """Return the token in a JSON text.

    Raises:
        Invalid: `web_eid.token`.
    """
    if len(text) > LARGEST_TOKEN:
        raise Invalid("web_eid.token", reason="size")
    try:
        said: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid("web_eid.token", reason="json") from error
    if not isinstance(said, dict):
        raise Invalid("web_eid.token", reason="json")
    return read(said)


def read(said: Mapping[str, Any]) -> Token:
    """Return the token of a JSON object.

    Raises:
        Invalid: `web_eid.token`.
    """
    version = said.get("format")
    if not isinstance(version, str) or version.partition(".")[0] != FORMAT:
        raise Invalid("web_eid.token", reason="format")
    algorithm = said.get("algorithm")
    if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
        raise Invalid("web_eid.token", reason="algorithm")
    signature = _decode(said.get("signature"), "signature")
    try:
        certificate = x509.load_der_x509_certificate(
            _decode(said.get("unverifiedCertificate"), "certificate")
        )
        # Read every part now, so that what cannot be read is refused in one place.
        certificate.public_key()
        _ = (certificate.subject, certificate.issuer, list(certificate.extensions))
    except Invalid:
        raise
    except Exception as error:  # the parser raises many kinds
        raise Invalid("web_eid.token", reason="certificate") from error
    return Token(certificate, algorithm, signature)


def verify(  # noqa: PLR0913 - what a verifier must know
    token: Token,
    *,
    origin: str,
    nonce: str,
    anchors: Sequence[x509.Certificate],
    at: datetime,
    ocsp: StatusSource,
) -> Identity:
    """Return whom the token proves to this origin for this nonce; the caller uses a nonce once.

    Raises:
        Refused: `web_eid.signature_false`; what `validate_chain` raises.
        Unavailable: `ocsp.unavailable`.
    """
    if not _is_signed(token, signed_bytes(token.algorithm, origin, nonce)):
        raise Refused("web_eid.signature_false")
    validate_chain(
        token.certificate,
        [one for one in anchors if not is_self_issued(one)],
        [one for one in anchors if is_self_issued(one)],
        at,
        PURPOSE,
        ocsp,
    )
    return identity_of(token.certificate)


def _is_signed(token: Token, data: bytes) -> bool:
    key, algorithm = token.certificate.public_key(), token.algorithm
    digest = _HASHES[algorithm[2:]]
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            if _CURVES.get(key.curve.name) != algorithm:
                return False
            key.verify(_as_der(token.signature, key), data, ec.ECDSA(digest))
        elif isinstance(key, rsa.RSAPublicKey) and key.key_size >= SMALLEST_RSA_BITS:
            key.verify(token.signature, data, _padding(algorithm, digest), digest)
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True


def _padding(algorithm: str, digest: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    if algorithm.startswith("PS"):
        return padding.PSS(padding.MGF1(digest), digest.digest_size)
    if algorithm.startswith("RS"):
        return padding.PKCS1v15()
    raise ValueError("kind of key")


def _as_der(signature: bytes, key: ec.EllipticCurvePublicKey) -> bytes:
    size = (key.curve.key_size + 7) // 8
    if len(signature) != 2 * size:
        raise ValueError("length")
    r, s = signature[:size], signature[size:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))


def _decode(given: object, name: str) -> bytes:
    if not isinstance(given, str):
        raise Invalid("web_eid.token", reason=name)
    try:
        content = base64.b64decode(given, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Invalid("web_eid.token", reason=name) from error
    if not content:
        raise Invalid("web_eid.token", reason=name)
    return content


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()
