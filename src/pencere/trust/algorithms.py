"""The kinds of key that the centre uses, and the one way in which each signs.

FIPS 186-5 pairs a curve with a hash of its strength, and we allow no other pair. RSA signs as
RFC 8017 section 8.2 (PKCS #1 v1.5), because every verifier takes it. ML-DSA-65 (FIPS 204,
RFC 9881) is experimental: no profile uses it unless an operator switches it on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, padding, rsa, utils

from pencere.kernel.errors import Invalid
from pencere.trust import der

Hash = hashes.SHA256 | hashes.SHA384
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | mldsa.MLDSA65PublicKey
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | mldsa.MLDSA65PrivateKey

SMALLEST_RSA_BITS = 3072  # NIST SP 800-57 part 1: 128 bits of strength, as P-256


@dataclass(frozen=True, eq=False)
class Algorithm:
    """One kind of key. `identifier` is the AlgorithmIdentifier of its signatures, DER.

    `hash` is what is digested before a signature; None where the algorithm does it itself.
    """

    name: str
    oid: str
    identifier: bytes
    hash: Hash | None
    is_experimental: bool
    generate: Callable[[], PrivateKey]
    _sign: Callable[[Any, bytes], bytes]
    _sign_digest: Callable[[Any, bytes], bytes] | None
    _verify: Callable[[Any, bytes, bytes], None]

    def __repr__(self) -> str:
        return f"Algorithm({self.name})"

    def sign(self, key: PrivateKey, data: bytes) -> bytes:
        """Return the signature of a key of this kind over `data`."""
        return self._sign(key, data)

    def sign_digest(self, key: PrivateKey, digest: bytes) -> bytes:
        """Return the signature over a digest made with `hash`.

        Raises:
            Invalid: `algorithm.digest`: another size, or the algorithm signs no digests.
        """
        if self.hash is None or self._sign_digest is None or len(digest) != self.hash.digest_size:
            raise Invalid("algorithm.digest", algorithm=self.name)
        return self._sign_digest(key, digest)

    def verify(self, key: PublicKey, data: bytes, signature: bytes) -> None:
        """Return if the signature over `data` holds.

        Raises:
            InvalidSignature: it does not.
            Invalid: `algorithm.key`, a key of another kind.
        """
        if algorithm_of(key) is not self:
            raise Invalid("algorithm.key", expected=self.name)
        self._verify(key, data, signature)


def _ecdsa(name: str, curve: ec.EllipticCurve, algorithm: Hash, oid: str) -> Algorithm:
    whole, prehashed = ec.ECDSA(algorithm), ec.ECDSA(utils.Prehashed(algorithm))
    return Algorithm(
        name=name,
        oid=oid,
        identifier=der.sequence(der.object_identifier(oid)),
        hash=algorithm,
        is_experimental=False,
        generate=lambda: ec.generate_private_key(curve),
        _sign=lambda key, data: key.sign(data, whole),
        _sign_digest=lambda key, digest: key.sign(digest, prehashed),
        _verify=lambda key, data, signature: key.verify(signature, data, whole),
    )


def _rsa() -> Algorithm:
    algorithm, scheme, oid = hashes.SHA256(), padding.PKCS1v15(), "1.2.840.113549.1.1.11"
    return Algorithm(
        name="RSA-3072",
        oid=oid,
        identifier=der.sequence(der.object_identifier(oid), der.NULL_VALUE),  # RFC 4055 section 5
        hash=algorithm,
        is_experimental=False,
        generate=lambda: rsa.generate_private_key(65537, SMALLEST_RSA_BITS),
        _sign=lambda key, data: key.sign(data, scheme, algorithm),
        _sign_digest=lambda key, digest: key.sign(digest, scheme, utils.Prehashed(algorithm)),
        _verify=lambda key, data, signature: key.verify(signature, data, scheme, algorithm),
    )


def _ml_dsa() -> Algorithm:
    oid = "2.16.840.1.101.3.4.3.18"
    return Algorithm(
        name="ML-DSA-65",
        oid=oid,
        identifier=der.sequence(der.object_identifier(oid)),
        hash=None,
        is_experimental=True,
        generate=mldsa.MLDSA65PrivateKey.generate,
        _sign=lambda key, data: key.sign(data),
        _sign_digest=None,
        _verify=lambda key, data, signature: key.verify(signature, data),
    )


P256 = _ecdsa("P-256", ec.SECP256R1(), hashes.SHA256(), "1.2.840.10045.4.3.2")
P384 = _ecdsa("P-384", ec.SECP384R1(), hashes.SHA384(), "1.2.840.10045.4.3.3")
RSA3072 = _rsa()
ML_DSA_65 = _ml_dsa()

ALGORITHMS = {one.name: one for one in (P256, P384, RSA3072, ML_DSA_65)}
_CURVES = {"secp256r1": P256, "secp384r1": P384}


def algorithm_of(key: object) -> Algorithm:
    """Return how a key, public or private, signs.

    Raises:
        Invalid: `algorithm.unknown`, a kind, curve or size that we do not use.
    """
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        found = _CURVES.get(key.curve.name)
        if found is not None:
            return found
        raise Invalid("algorithm.unknown", key=key.curve.name)
    if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey):
        # FIPS 186-5 section 5.1: an even length of 2048 or more; ours begins at 3072. A huge
        # modulus is a way to make a verifier work.
        if SMALLEST_RSA_BITS <= key.key_size <= 8192:
            return RSA3072
        raise Invalid("algorithm.unknown", key=f"RSA-{key.key_size}")
    if isinstance(key, mldsa.MLDSA65PublicKey | mldsa.MLDSA65PrivateKey):
        return ML_DSA_65
    raise Invalid("algorithm.unknown", key=type(key).__name__)
