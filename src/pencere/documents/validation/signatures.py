"""Whether what an authority signed (certificate, list, answer) was signed with a key.

Which algorithms are strong enough, and until when, is `Strength`: ETSI TS 119 312.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import algos as asn1_algos
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from pencere.documents.formats.ber import parse
from pencere.kernel.errors import Invalid, Refused

_RSA = {
    "1.2.840.113549.1.1.4": "md5",
    "1.2.840.113549.1.1.5": "sha1",
    "1.2.840.113549.1.1.14": "sha224",
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
}
_ECDSA = {
    "1.2.840.10045.4.1": "sha1",
    "1.2.840.10045.4.3.1": "sha224",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
}
_DSA = {
    "1.2.840.10040.4.3": "sha1",
    "2.16.840.1.101.3.4.3.1": "sha224",
    "2.16.840.1.101.3.4.3.2": "sha256",
    "2.16.840.1.101.3.4.3.3": "sha384",
    "2.16.840.1.101.3.4.3.4": "sha512",
}
_PURE: dict[str, type] = {
    "1.3.101.112": ed25519.Ed25519PublicKey,
    "1.3.101.113": ed448.Ed448PublicKey,
    "2.16.840.1.101.3.4.3.17": mldsa.MLDSA44PublicKey,
    "2.16.840.1.101.3.4.3.18": mldsa.MLDSA65PublicKey,
    "2.16.840.1.101.3.4.3.19": mldsa.MLDSA87PublicKey,
}
_PSS = "1.2.840.113549.1.1.10"
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "md5": hashes.MD5(),  # noqa: S303 - verified so that it can be called weak, not wrong
    "sha1": hashes.SHA1(),  # noqa: S303 - the same
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
# A verification costs with the square of the modulus and the length of the exponent.
LARGEST_RSA_BITS = 16_384
LARGEST_RSA_EXPONENT_BITS = 64


@dataclass(frozen=True)
class Algorithm:
    """An algorithm identifier, decoded: kind, digest, and for PSS its padding."""

    kind: str
    digest: str
    pss: padding.PSS | None = None
    mask_digest: str = ""


def algorithm(identifier: bytes) -> Algorithm:
    """Return what an AlgorithmIdentifier names.

    Raises:
        Invalid: `signature.algorithm_unknown`.
    """
    parts = parse(identifier).children()
    oid = parts[0].oid()
    for kind, table in (("rsa", _RSA), ("ecdsa", _ECDSA), ("dsa", _DSA)):
        if oid in table:
            return Algorithm(kind, table[oid])
    if oid in _PURE:
        if len(parts) > 1:
            raise Invalid("signature.algorithm_unknown", reason="parameters")
        return Algorithm(oid, "")
    if oid == _PSS:
        return _pss(identifier)
    raise Invalid("signature.algorithm_unknown", oid=oid)


def _pss(identifier: bytes) -> Algorithm:
    try:
        chosen = asn1_algos.SignedDigestAlgorithm.load(identifier, strict=True)["parameters"]
        digest = chosen["hash_algorithm"]["algorithm"].native
        mask = chosen["mask_gen_algorithm"]["parameters"]["algorithm"].native
        salt = int(chosen["salt_length"].native)
        is_usual = chosen["trailer_field"].native == "trailer_field_bc" and 0 <= salt <= 512
        pss = padding.PSS(padding.MGF1(_HASHES[mask]), salt_length=salt)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Invalid("signature.algorithm_unknown", reason="PSS") from error
    if not is_usual or digest not in _HASHES:
        raise Invalid("signature.algorithm_unknown", reason="PSS")
    return Algorithm("pss", digest, pss, mask)


def verify(key: PublicKeyTypes, used: Algorithm, signature: bytes, data: bytes) -> None:
    """Return if `signature` over `data` is of `key`.

    Raises:
        Refused: `signature.wrong`.
    """
    try:
        _refuse_costly(key)
        if not _holds(key, used, signature, data):
            raise Refused("signature.wrong")
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError) as error:
        raise Refused("signature.wrong") from error


def _holds(key: PublicKeyTypes, used: Algorithm, signature: bytes, data: bytes) -> bool:
    kind = _PURE.get(used.kind)
    if kind is not None:
        return isinstance(key, kind) and _holds_pure(key, signature, data)
    chosen = _HASHES[used.digest]
    match key:
        case rsa.RSAPublicKey() if used.kind == "rsa":
            key.verify(signature, data, padding.PKCS1v15(), chosen)
        case rsa.RSAPublicKey() if used.pss is not None:
            key.verify(signature, data, used.pss, chosen)
        case ec.EllipticCurvePublicKey() if used.kind == "ecdsa":
            key.verify(signature, data, ec.ECDSA(chosen))
        case dsa.DSAPublicKey() if used.kind == "dsa":
            key.verify(signature, data, chosen)
        case _:
            return False
    return True


def _holds_pure(key: Any, signature: bytes, data: bytes) -> bool:
    key.verify(signature, data)
    return True


def _refuse_costly(key: PublicKeyTypes) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        exponent = key.public_numbers().e
        if key.key_size > LARGEST_RSA_BITS or exponent.bit_length() > LARGEST_RSA_EXPONENT_BITS:
            raise ValueError("a key made to be slow")


@dataclass(frozen=True)
class Strength:
    """Until when an algorithm is relied on. ETSI TS 119 312 table 6 and section 8.

    What has no line is relied on. A signature made before the end of its algorithm, and proven
    to be, keeps its worth.
    """

    digests: tuple[tuple[str, datetime], ...] = (
        ("md5", datetime(2004, 8, 1, tzinfo=UTC)),
        ("sha1", datetime(2012, 8, 1, tzinfo=UTC)),
        ("sha224", datetime(2026, 1, 1, tzinfo=UTC)),
    )
    # Smallest size in bits, and until when smaller ones were relied on, by kind of key.
    rsa: tuple[tuple[int, datetime], ...] = (
        (1024, datetime(2005, 1, 1, tzinfo=UTC)),
        (1900, datetime(2014, 1, 1, tzinfo=UTC)),
    )
    dsa: tuple[tuple[int, datetime], ...] = (
        (1024, datetime(2005, 1, 1, tzinfo=UTC)),
        (2048, datetime(2014, 1, 1, tzinfo=UTC)),
    )
    curve: tuple[tuple[int, datetime], ...] = (
        (192, datetime(2005, 1, 1, tzinfo=UTC)),
        (256, datetime(2016, 1, 1, tzinfo=UTC)),
    )

    def is_weak(self, key: PublicKeyTypes | None, digests: tuple[str, ...], at: datetime) -> bool:
        """Say whether a signature with these, first proven to exist at `at`, is not relied on."""
        ends = dict(self.digests)
        if any(at > ends[one] for one in digests if one in ends):
            return True
        match key:
            case rsa.RSAPublicKey():
                size, steps = key.key_size, self.rsa
                if key.public_numbers().e < 3:
                    return True
            case dsa.DSAPublicKey():
                size, steps = key.key_size, self.dsa
            case ec.EllipticCurvePublicKey():
                size, steps = key.key_size, self.curve
            case _:
                return False
        return any(size < smallest and at > until for smallest, until in steps)
