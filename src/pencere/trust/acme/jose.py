"""JSON Web Signature as RFC 8555 section 6.2 narrows it: flattened, one signature, ES256 or RS256.

Written for this one shape: what the standard does not allow is not parsed at all.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from pencere.trust.acme.problems import Problem

ALGORITHMS = ("ES256", "RS256")
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
_RSA_BITS = (2048, 4096)
_COORDINATE_BYTES = 32


@dataclass(frozen=True)
class Message:
    """A request before its signature is checked. `payload` is b"" for POST-as-GET."""

    header: Mapping[str, Any]
    payload: bytes
    signature: bytes
    signed: bytes

    @property
    def nonce(self) -> str:
        """The anti-replay nonce, as it came."""
        return _text(self.header, "nonce")

    @property
    def url(self) -> str:
        """The address that was signed for."""
        return _text(self.header, "url")

    def verify(self, key: PublicKey) -> None:
        """Check the signature with a key of the kind that the algorithm asks for.

        Raises:
            Problem: `unauthorized`, or `badSignatureAlgorithm` when key and algorithm differ.
        """
        wanted = "ES256" if isinstance(key, ec.EllipticCurvePublicKey) else "RS256"
        if self.header["alg"] != wanted:
            raise bad_algorithm()
        try:
            if isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(_der(self.signature), self.signed, ec.ECDSA(hashes.SHA256()))
            else:
                key.verify(self.signature, self.signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature as error:
            raise Problem("unauthorized", "signature") from error

    def json(self) -> dict[str, Any]:
        """Return the payload, which must be a JSON object."""
        return read_object(self.payload)


def bad_algorithm() -> Problem:
    """Return the refusal that names the algorithms there are."""
    return Problem("badSignatureAlgorithm", "algorithm", allowed="ES256 RS256")


def read_message(body: bytes) -> Message:
    """Parse a flattened JWS.

    Raises:
        Problem: `malformed`, or `badSignatureAlgorithm`.
    """
    content = read_object(body)
    if set(content) != {"protected", "payload", "signature"}:
        raise Problem("malformed", "jws")
    protected, payload = _text(content, "protected"), content["payload"]
    if not isinstance(payload, str):
        raise Problem("malformed", "jws")
    header = read_object(decode(protected))
    if header.get("alg") not in ALGORITHMS:
        raise bad_algorithm()
    if "crit" in header or "b64" in header:
        raise Problem("malformed", "jws_header")
    signed = f"{protected}.{payload}".encode("ascii")
    return Message(header, decode(payload), decode(_text(content, "signature")), signed)


def read_object(body: bytes) -> dict[str, Any]:
    """Parse a JSON object; a name that comes twice is refused."""
    try:
        content = json.loads(body.decode("utf-8"), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise Problem("malformed", "json") from error
    if not isinstance(content, dict):
        raise Problem("malformed", "json")
    return content


def read_key(jwk: object) -> PublicKey:
    """Return the public key of a JWK: P-256, or RSA of 2048 to 4096 bits.

    Raises:
        Problem: `badPublicKey`.
    """
    if not isinstance(jwk, dict) or "d" in jwk:
        raise Problem("badPublicKey", "jwk")
    read = {"EC P-256": _p256, "RSA None": _rsa}.get(f"{jwk.get('kty')} {jwk.get('crv')}")
    if read is None:
        raise Problem("badPublicKey", "jwk")
    try:
        return read(jwk)
    except (ValueError, Problem) as error:
        raise Problem("badPublicKey", "jwk") from error


def thumbprint(jwk: Mapping[str, Any]) -> bytes:
    """Return the SHA-256 thumbprint of a key (RFC 7638), made of the key and not of its text."""
    return hashlib.sha256(
        json.dumps(canonical(jwk), separators=(",", ":"), sort_keys=True).encode()
    ).digest()


def canonical(jwk: Mapping[str, Any]) -> dict[str, str]:
    """Return the required members of a JWK in their one form."""
    key = read_key(jwk)
    numbers = key.public_numbers()
    if isinstance(numbers, ec.EllipticCurvePublicNumbers):
        x, y = (number.to_bytes(_COORDINATE_BYTES, "big") for number in (numbers.x, numbers.y))
        return {"crv": "P-256", "kty": "EC", "x": encode(x), "y": encode(y)}
    return {"e": encode(_minimal(numbers.e)), "kty": "RSA", "n": encode(_minimal(numbers.n))}


def encode(content: bytes) -> str:
    """Return URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Read URL-safe base64 without padding, strictly.

    Raises:
        Problem: `malformed`.
    """
    if {"=", "+", "/"} & set(text):
        raise Problem("malformed", "base64")
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise Problem("malformed", "base64") from error
    if encode(content) != text:
        raise Problem("malformed", "base64")
    return content


def _p256(jwk: Mapping[str, Any]) -> PublicKey:
    x, y = (decode(_text(jwk, name)) for name in ("x", "y"))
    if len(x) != _COORDINATE_BYTES or len(y) != _COORDINATE_BYTES:
        raise Problem("badPublicKey", "jwk")
    return ec.EllipticCurvePublicNumbers(
        int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1()
    ).public_key()


def _rsa(jwk: Mapping[str, Any]) -> PublicKey:
    n, e = (int.from_bytes(decode(_text(jwk, name)), "big") for name in ("n", "e"))
    if not _RSA_BITS[0] <= n.bit_length() <= _RSA_BITS[1] or e != 65537 or n % 2 == 0:
        raise Problem("badPublicKey", "jwk")
    return rsa.RSAPublicNumbers(e, n).public_key()


def _der(raw: bytes) -> bytes:
    if len(raw) != 2 * _COORDINATE_BYTES:
        raise InvalidSignature
    r, s = (int.from_bytes(part, "big") for part in (raw[:32], raw[32:]))
    return encode_dss_signature(r, s)


def _minimal(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _text(content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not value or len(value) > 65_536:
        raise Problem("malformed", "field", field=name)
    return value


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a name twice")
    return content
