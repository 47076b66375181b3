"""Names of signature algorithms in XML. RFC 9231."""

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from pencere.documents.formats.algorithms import Scheme
from pencere.kernel.errors import Invalid

_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_2007 = "http://www.w3.org/2007/05/xmldsig-more#"
_BITS = {"sha224": 224, "sha256": 256, "sha384": 384, "sha512": 512}

SCHEMES: dict[str, Scheme] = {
    "http://www.w3.org/2000/09/xmldsig#rsa-sha1": Scheme("rsa", "sha1"),
    f"{_MORE}ecdsa-sha1": Scheme("ecdsa", "sha1"),
    **{f"{_MORE}rsa-{name}": Scheme("rsa", name) for name in _BITS},
    **{f"{_MORE}ecdsa-{name}": Scheme("ecdsa", name) for name in _BITS},
    # RFC 9231 section 2.3.10: salt as long as the digest, MGF1 with the same digest.
    **{
        f"{_2007}{name}-rsa-MGF1": Scheme("rsa-pss", name, bits // 8, name)
        for name, bits in _BITS.items()
    },
    "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519": Scheme("ed25519", "sha512"),
    "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed448": Scheme("ed448", "sha512"),
}


def uri_of(scheme: Scheme) -> str:
    """Return the URI of a scheme we sign with."""
    return next(uri for uri, one in SCHEMES.items() if one == scheme)


def scheme_of(uri: str) -> Scheme:
    """Return the scheme that a SignatureMethod names.

    Raises:
        Invalid: `format.unsupported`.
    """
    if uri not in SCHEMES:
        raise Invalid("format.unsupported", algorithm=uri)
    return SCHEMES[uri]


def to_xml(signature: bytes, key: PublicKeyTypes) -> bytes:
    """Return a signature as XML holds it: r and s of ECDSA side by side."""
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return signature
    size = (key.curve.key_size + 7) // 8
    return b"".join(one.to_bytes(size, "big") for one in utils.decode_dss_signature(signature))


def from_xml(value: bytes, key: PublicKeyTypes) -> bytes:
    """Return a signature as `algorithms.verify` takes it."""
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return value
    half = len(value) // 2
    if len(value) % 2 or half != (key.curve.key_size + 7) // 8:
        return b""
    parts = (int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big"))
    return utils.encode_dss_signature(*parts)
