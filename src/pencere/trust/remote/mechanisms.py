"""Object identifiers of the interface, and how a digest is signed under each."""

from dataclasses import dataclass

from asn1crypto.algos import RSASSAPSSParams
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from pencere.kernel.errors import Invalid

HASHES: dict[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}
HASH_OIDS = {
    "2.16.840.1.101.3.4.2.1": "SHA256",
    "2.16.840.1.101.3.4.2.2": "SHA384",
    "2.16.840.1.101.3.4.2.3": "SHA512",
}
_OID_OF = {name: oid for oid, name in HASH_OIDS.items()}

ECDSA_SHA256 = "1.2.840.10045.4.3.2"
RSA = "1.2.840.113549.1.1.1"  # the hash is named beside it
RSA_SHA256 = "1.2.840.113549.1.1.11"
RSA_PSS = "1.2.840.113549.1.1.10"
_HASH_OF = {
    ECDSA_SHA256: "SHA256",
    RSA_SHA256: "SHA256",
    "1.2.840.113549.1.1.12": "SHA384",
    "1.2.840.113549.1.1.13": "SHA512",
}

# What a credential of the kind says it can do, best first.
OFFERED = {
    "P-256": [ECDSA_SHA256],
    "RSA-3072": [RSA_SHA256, "1.2.840.113549.1.1.12", "1.2.840.113549.1.1.13", RSA_PSS],
}
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Mechanism:
    """How digests of one request are signed."""

    hash_name: str
    is_rsa: bool
    is_pss: bool = False

    def sign(self, key: PrivateKey, digest: bytes) -> bytes:
        """Return the signature over a digest: DER Ecdsa-Sig-Value, or the RSA octets."""
        prehashed = utils.Prehashed(HASHES[self.hash_name])
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key.sign(digest, ec.ECDSA(prehashed))
        if self.is_pss:
            algorithm = HASHES[self.hash_name]
            scheme = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
            return key.sign(digest, scheme, prehashed)
        return key.sign(digest, padding.PKCS1v15(), prehashed)


def read_mechanism(
    kind: str, sign_algo: str, hash_algo: str | None, parameters: bytes | None
) -> Mechanism:
    """Return what a request asks of a key of this kind (`P-256` or `RSA-3072`).

    Raises:
        Invalid: `request.field`: unknown, contradictory, or not for this key.
    """
    named = HASH_OIDS.get(hash_algo) if hash_algo is not None else None
    if hash_algo is not None and named is None:
        raise Invalid("request.field", field="hashAlgo")
    if sign_algo == RSA_PSS:
        implied = _pss_hash(parameters) or named
    elif sign_algo == RSA:
        implied = named
    else:
        implied = _HASH_OF.get(sign_algo)
    is_rsa = sign_algo.startswith("1.2.840.113549.")
    if implied is None or is_rsa != (kind == "RSA-3072"):
        raise Invalid("request.field", field="signAlgo")
    if named not in (None, implied):
        raise Invalid("request.field", field="hashAlgo")
    return Mechanism(implied, is_rsa, sign_algo == RSA_PSS)


def hash_name_of(oid: object) -> str:
    """Return our name of a hash algorithm; none named is SHA-256."""
    if oid is None:
        return "SHA256"
    name = HASH_OIDS.get(str(oid))
    if name is None:
        raise Invalid("request.field", field="hashAlgorithmOID")
    return name


def oid_of(hash_name: str) -> str:
    """Return the object identifier of a hash by our name."""
    return _OID_OF[hash_name]


def _pss_hash(parameters: bytes | None) -> str | None:
    """Return the hash of RSASSA-PSS-params; we take only MGF1 with it and its whole length."""
    if parameters is None:
        return None
    try:
        read = RSASSAPSSParams.load(parameters, strict=True)
        algorithm = HASH_OIDS[read["hash_algorithm"]["algorithm"].dotted]
        mask = HASH_OIDS[read["mask_gen_algorithm"]["parameters"]["algorithm"].dotted]
        if (
            read["mask_gen_algorithm"]["algorithm"].native != "mgf1"
            or mask != algorithm
            or read["salt_length"].native != HASHES[algorithm].digest_size
            or read["trailer_field"].native not in (1, "trailer_field_bc")
        ):
            raise Invalid("request.field", field="signAlgoParams")
    except (ValueError, TypeError, KeyError) as error:
        raise Invalid("request.field", field="signAlgoParams") from error
    return algorithm
