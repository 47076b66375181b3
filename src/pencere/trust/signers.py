"""Whoever signs is given a `Signer`, never a key: in memory here, in a token in `token`."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from pencere.kernel.errors import Invalid, Missing
from pencere.trust.algorithms import P256, Algorithm, Hash, PrivateKey, PublicKey, algorithm_of
from pencere.trust.roles import Role, refuse_digest, refuse_other_use


class Signer(Protocol):
    """A key that may be used but not seen, with the certificate that vouches for it."""

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the key."""

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """The issuing certificates above it, nearest first, without the root."""

    @property
    def public_key(self) -> PublicKey:
        """The public half."""

    @property
    def algorithm(self) -> Algorithm:
        """How it signs; `algorithm.identifier` goes into what is signed."""

    @property
    def hash_algorithm(self) -> Hash:
        """The hash that goes with the key."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature over `data`; ECDSA as a DER Ecdsa-Sig-Value.

        Raises:
            Refused: `key.role`, a key of this role does not sign such data.
            Unavailable: `token.*`, the hardware module does not answer.
        """

    def sign_digest(self, digest: bytes) -> bytes:
        """Return the signature over a digest made with `hash_algorithm`; raises as `sign`."""

    def ready(self) -> None:
        """Return if the key can be used at this moment, else raise Unavailable `token.*`."""


class Vouched:
    """What signers of every kind have: certificates above the key."""

    _certificates: tuple[x509.Certificate, ...]

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the key; a key that has none yet is Missing."""
        if not self._certificates:
            raise Missing("keystore.certificate_missing")
        return self._certificates[0]

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """The issuing certificates above it, nearest first, without the root."""
        return self._certificates[1:]


@dataclass(frozen=True)
class SoftwareSigner(Vouched):
    """A key held in the memory of this process."""

    _key: PrivateKey = field(repr=False)
    _certificates: tuple[x509.Certificate, ...]
    role: Role = Role.DATA

    @cached_property
    def algorithm(self) -> Algorithm:
        """How it signs."""
        return algorithm_of(self._key)

    @cached_property
    def public_key(self) -> PublicKey:
        """The public half."""
        return self._key.public_key()

    @property
    def hash_algorithm(self) -> Hash:
        """The hash that goes with the key."""
        return hash_of(self.algorithm)

    def ready(self) -> None:
        """Return: a key in memory is always there."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature over `data`."""
        refuse_other_use(self.role, data)
        return self.algorithm.sign(self._key, data)

    def sign_digest(self, digest: bytes) -> bytes:
        """Return the signature over a digest made with `hash_algorithm`."""
        refuse_digest(self.role)
        return self.algorithm.sign_digest(self._key, digest)


@dataclass(frozen=True)
class LogSigner:
    """The key of a log, of the one kind that signed notes have: P-256."""

    signer: Signer

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half.

        Raises:
            Invalid: `algorithm.key`, a key of another kind.
        """
        key = self.signer.public_key
        if not isinstance(key, ec.EllipticCurvePublicKey) or self.signer.algorithm is not P256:
            raise Invalid("algorithm.key", expected=P256.name)
        return key

    def sign(self, data: bytes) -> bytes:
        """Return the signature over the text of a note."""
        return self.signer.sign(data)


def hash_of(algorithm: Algorithm) -> Hash:
    """Return the hash of an algorithm that has one."""
    if algorithm.hash is None:
        raise Missing("keystore.hash_missing", algorithm=algorithm.name)
    return algorithm.hash
