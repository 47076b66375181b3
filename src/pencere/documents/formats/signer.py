"""Whose key signs: the seam between the formats and a file, a token, or a remote service.

A format prepares what is to be signed (`ToBeSigned`), the key signs digests, many at once where
it can, the format finishes. So a thousand documents cost one activation of a remote key.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from pencere.documents.formats.algorithms import Scheme, hash_of
from pencere.kernel.errors import Invalid, Refused


class Signer(Protocol):
    """A key that may be used but not seen, and the certificates that vouch for it."""

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the key."""

    @property
    def chain(self) -> Sequence[x509.Certificate]:
        """Certificates above it, nearest first, as far as they are known."""

    @property
    def most_digests(self) -> int:
        """How many digests `sign_digests` takes at once."""

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        """Return signatures in the same order: DER for ECDSA, PKCS#1 v1.5 for RSA.

        The digests are made with the hash of `scheme_of(certificate)`.

        Raises:
            Refused: PIN, revoked, not allowed.
            Unavailable: token or service away.
        """


@dataclass(frozen=True)
class ToBeSigned:
    """A document waiting for its signature. `finish` takes the signature, gives the document."""

    digest: bytes
    finish: Callable[[bytes], bytes]


_CURVES = {"secp256r1": "sha256", "secp384r1": "sha384", "secp521r1": "sha512"}


def scheme_of(certificate: x509.Certificate) -> Scheme:
    """Return how the key of a certificate signs.

    Raises:
        Invalid: `sign.key_kind`: a kind of key that cannot sign a digest, or too small.
    """
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return Scheme("ecdsa", _CURVES[key.curve.name])
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048:
        return Scheme("rsa", "sha256")
    raise Invalid("sign.key_kind", key=type(key).__name__)


def check_signature(key: PublicKeyTypes, scheme: Scheme, digest: bytes, signature: bytes) -> None:
    """Refuse a signature that is not this key's over this digest.

    Raises:
        Refused: `sign.false`: nothing is made of what a token or a service gave back wrong.
    """
    prehashed = utils.Prehashed(hash_of(scheme.digest))
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(prehashed))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, padding.PKCS1v15(), prehashed)
        else:
            raise Refused("sign.false")
    except (InvalidSignature, ValueError) as error:
        raise Refused("sign.false") from error


def sign_one(signer: Signer, prepared: ToBeSigned) -> bytes:
    """Sign one document."""
    (signature,) = signer.sign_digests([prepared.digest])
    return prepared.finish(signature)
