"""Signature and digest algorithms: their names, whether they still hold, verifying with them.

RFC 3370, 5754, 5758, 8017, 8419; what is weak: ETSI TS 119 312.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from pencere.documents.formats.ber import Node, malformed, parse
from pencere.kernel.errors import Invalid
from pencere.trust import der

DIGESTS: dict[str, str] = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.8": "sha3_256",
    "2.16.840.1.101.3.4.2.9": "sha3_384",
    "2.16.840.1.101.3.4.2.10": "sha3_512",
}
DIGEST_OIDS = {name: oid for oid, name in DIGESTS.items()}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - read, and reported as weak
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha3_256": hashes.SHA3_256(),
    "sha3_384": hashes.SHA3_384(),
    "sha3_512": hashes.SHA3_512(),
}
WEAK_DIGESTS = {"sha1", "sha224"}
SMALLEST_RSA_BITS = 2048

# OID -> (scheme, digest or None where another field names it)
_SCHEMES: dict[str, tuple[str, str | None]] = {
    "1.2.840.113549.1.1.1": ("rsa", None),
    "1.2.840.113549.1.1.5": ("rsa", "sha1"),
    "1.2.840.113549.1.1.14": ("rsa", "sha224"),
    "1.2.840.113549.1.1.11": ("rsa", "sha256"),
    "1.2.840.113549.1.1.12": ("rsa", "sha384"),
    "1.2.840.113549.1.1.13": ("rsa", "sha512"),
    "1.2.840.113549.1.1.10": ("rsa-pss", None),
    "1.2.840.10045.2.1": ("ecdsa", None),
    "1.2.840.10045.4.1": ("ecdsa", "sha1"),
    "1.2.840.10045.4.3.1": ("ecdsa", "sha224"),
    "1.2.840.10045.4.3.2": ("ecdsa", "sha256"),
    "1.2.840.10045.4.3.3": ("ecdsa", "sha384"),
    "1.2.840.10045.4.3.4": ("ecdsa", "sha512"),
    "2.16.840.1.101.3.4.3.10": ("ecdsa", "sha3_256"),
    "2.16.840.1.101.3.4.3.11": ("ecdsa", "sha3_384"),
    "2.16.840.1.101.3.4.3.12": ("ecdsa", "sha3_512"),
    "2.16.840.1.101.3.4.3.14": ("rsa", "sha3_256"),
    "2.16.840.1.101.3.4.3.15": ("rsa", "sha3_384"),
    "2.16.840.1.101.3.4.3.16": ("rsa", "sha3_512"),
    "1.3.101.112": ("ed25519", None),
    "1.3.101.113": ("ed448", None),
}


@dataclass(frozen=True)
class Scheme:
    """How a signature was made. `salt` and `mask` only for PSS."""

    name: str
    digest: str
    salt_bytes: int = 0
    mask: str = ""

    @property
    def title(self) -> str:
        """A name for reports: `ecdsa-sha256`."""
        return self.name if self.name.startswith("ed") else f"{self.name}-{self.digest}"


def hash_of(name: str) -> hashes.HashAlgorithm:
    """Return the algorithm for `cryptography`."""
    return _HASHES[name]


def digest(name: str, content: bytes) -> bytes:
    """Return the digest of `content`."""
    state = hashes.Hash(_HASHES[name])
    state.update(content)
    return state.finalize()


def digest_name(identifier: Node) -> str:
    """Return the digest that an AlgorithmIdentifier names.

    Raises:
        Invalid: `format.unsupported`.
    """
    oid = identifier.children()[0].oid()
    if oid not in DIGESTS:
        raise Invalid("format.unsupported", algorithm=oid)
    return DIGESTS[oid]


def digest_identifier(name: str) -> bytes:
    """Return the AlgorithmIdentifier of a digest; without parameters (RFC 5754 section 2)."""
    return der.sequence(der.object_identifier(DIGEST_OIDS[name]))


def signature_scheme(identifier: Node, digest_algorithm: str) -> Scheme:
    """Return the scheme that a signatureAlgorithm names; `digest_algorithm` where it names none.

    Raises:
        Invalid: `format.unsupported`.
    """
    parts = identifier.children()
    oid = parts[0].oid()
    if oid not in _SCHEMES:
        raise Invalid("format.unsupported", algorithm=oid)
    name, named = _SCHEMES[oid]
    if name == "rsa-pss":
        return _pss(parts[1:])
    return Scheme(name, named or digest_algorithm)


def oid_of(scheme: Scheme) -> str:
    """Return the OID of a scheme we sign with, dotted."""
    for oid, named in _SCHEMES.items():
        if named == (scheme.name, scheme.digest):
            return oid
    raise Invalid("format.unsupported", algorithm=scheme.title)


def signature_identifier(scheme: Scheme) -> bytes:
    """Return the AlgorithmIdentifier of a scheme we sign with (RFC 4055, RFC 5758)."""
    null = der.NULL_VALUE if scheme.name == "rsa" else b""
    return der.sequence(der.object_identifier(oid_of(scheme)), null)


def verify(key: PublicKeyTypes, scheme: Scheme, signature: bytes, content: bytes) -> None:
    """Verify a signature over `content`.

    Raises:
        InvalidSignature: it is not, or the key is of another kind.
    """
    verifier = _VERIFIERS.get(scheme.name)
    try:
        if verifier is None:
            raise InvalidSignature
        verifier(key, scheme, signature, content)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidSignature from error


def is_weak(key: PublicKeyTypes, scheme: Scheme) -> bool:
    """Say whether a signature of this kind no longer holds by itself."""
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < SMALLEST_RSA_BITS:
        return True
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < 256:
        return True
    return not scheme.name.startswith("ed") and scheme.digest in WEAK_DIGESTS


def _pss(parameters: list[Node]) -> Scheme:
    """Read RSASSA-PSS-params (RFC 8017 A.2.3); absent fields have the defaults of old."""
    hash_name, mask, salt = "sha1", "sha1", 20
    for one in parameters[0].children() if parameters and parameters[0].tag == 0x30 else ():
        inner = parse(one.content)
        if one.tag == 0xA0:
            hash_name = digest_name(inner)
        elif one.tag == 0xA1:
            mask = digest_name(inner.children()[1])
        elif one.tag == 0xA2:
            salt = inner.integer()
        elif one.tag != 0xA3:
            raise malformed("PSS parameters")
    if not 0 <= salt <= 512:
        raise malformed("PSS parameters")
    return Scheme("rsa-pss", hash_name, salt, mask)


def _verify_rsa(key: PublicKeyTypes, scheme: Scheme, signature: bytes, content: bytes) -> None:
    if not isinstance(key, rsa.RSAPublicKey):
        raise InvalidSignature
    key.verify(signature, content, padding.PKCS1v15(), _HASHES[scheme.digest])


def _verify_pss(key: PublicKeyTypes, scheme: Scheme, signature: bytes, content: bytes) -> None:
    if not isinstance(key, rsa.RSAPublicKey):
        raise InvalidSignature
    pss = padding.PSS(padding.MGF1(_HASHES[scheme.mask]), scheme.salt_bytes)
    key.verify(signature, content, pss, _HASHES[scheme.digest])


def _verify_ecdsa(key: PublicKeyTypes, scheme: Scheme, signature: bytes, content: bytes) -> None:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise InvalidSignature
    key.verify(signature, content, ec.ECDSA(_HASHES[scheme.digest]))


def _verify_ed25519(key: PublicKeyTypes, scheme: Scheme, signature: bytes, content: bytes) -> None:
    if not isinstance(key, ed25519.Ed25519PublicKey) or scheme.name != "ed25519":
        raise InvalidSignature
    key.verify(signature, content)


def _verify_ed448(key: PublicKeyTypes, scheme: Scheme, signature: bytes, content: bytes) -> None:
    if not isinstance(key, ed448.Ed448PublicKey) or scheme.name != "ed448":
        raise InvalidSignature
    key.verify(signature, content)


_VERIFIERS: dict[str, Callable[[PublicKeyTypes, Scheme, bytes, bytes], None]] = {
    "rsa": _verify_rsa,
    "rsa-pss": _verify_pss,
    "ecdsa": _verify_ecdsa,
    "ed25519": _verify_ed25519,
    "ed448": _verify_ed448,
}
