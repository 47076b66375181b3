"""Private keys of the certification centre, encrypted at rest, one file each.

A key lives as PKCS#8 under a passphrase in `<name>.key` (0600); its certificate and the chain
above it, as PEM, leaf first and without the root, in `<name>.crt`. Whoever signs is given a
`Signer`, never a key: a hardware module later puts another `Signer` in its place.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from pencere.kernel.errors import Conflict, Misconfigured, Missing

# FIPS 186-5 pairs a curve with a hash of its strength; we allow no other pair.
HASHES: dict[str, hashes.SHA256 | hashes.SHA384] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
}
_ECDSA = {name: ec.ECDSA(algorithm) for name, algorithm in HASHES.items()}
CURVES: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


class Signer(Protocol):
    """A key that may be used but not seen, with the certificate that vouches for it."""

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the key."""

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """The issuing certificates above it, nearest first, without the root."""

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half."""

    @property
    def hash_algorithm(self) -> hashes.SHA256 | hashes.SHA384:
        """The hash that goes with the curve."""

    def sign(self, data: bytes) -> bytes:
        """Return a DER Ecdsa-Sig-Value over `data`."""

    def sign_digest(self, digest: bytes) -> bytes:
        """Return a DER Ecdsa-Sig-Value over a digest made with `hash_algorithm`."""


@dataclass(frozen=True)
class SoftwareSigner:
    """A key held in the memory of this process."""

    _key: ec.EllipticCurvePrivateKey = field(repr=False)
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

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half."""
        return self._key.public_key()

    @property
    def hash_algorithm(self) -> hashes.SHA256 | hashes.SHA384:
        """The hash that goes with the curve."""
        return HASHES[self._key.curve.name]

    def sign(self, data: bytes) -> bytes:
        """Return a DER Ecdsa-Sig-Value over `data`."""
        return self._key.sign(data, _ECDSA[self._key.curve.name])

    def sign_digest(self, digest: bytes) -> bytes:
        """Return a DER Ecdsa-Sig-Value over a digest made with `hash_algorithm`."""
        return self._key.sign(digest, ec.ECDSA(utils.Prehashed(self.hash_algorithm)))


class Keystore:
    """A folder of keys under one passphrase.

    Raises:
        Misconfigured: the passphrase does not open a key, or a name is not a plain word.
        Missing: there is no such key or certificate.
        Conflict: a key of that name is there already; keys are never written over.
    """

    def __init__(self, folder: Path, passphrase: str) -> None:
        self._folder = folder
        self._passphrase = passphrase.encode()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """Return the names of the keys that are here."""
        return sorted(path.stem for path in self._folder.glob("*.key"))

    def has(self, name: str) -> bool:
        """Say whether the key and its certificate are both here."""
        return self._path(name, ".key").exists() and self._path(name, ".crt").exists()

    def create(self, name: str, curve: str = "P-256") -> ec.EllipticCurvePublicKey:
        """Make a key and return its public half.

        A key that never came to a certificate (the process was stopped in between) is used
        again; one that has a certificate is a Conflict.
        """
        path = self._path(name, ".key")
        if path.exists():
            if self._path(name, ".crt").exists():
                raise Conflict("keystore.key_exists", name=name)
            return self._load(name).public_key()
        key = ec.generate_private_key(CURVES[curve])
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(self._passphrase),
        )
        write_durably(path, pem)
        return key.public_key()

    def install(self, name: str, certificates: Sequence[x509.Certificate]) -> None:
        """Put the certificate of a key (first) and the chain above it beside the key."""
        if certificates[0].public_key() != self._load(name).public_key():
            raise Conflict("keystore.key_differs", name=name)
        pem = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)
        write_durably(self._path(name, ".crt"), pem)

    def certificates(self, name: str) -> list[x509.Certificate]:
        """Return the certificate of a key and the chain above it, without opening the key."""
        crt = self._path(name, ".crt")
        if not crt.exists():
            raise Missing("keystore.certificate_missing", name=name)
        return x509.load_pem_x509_certificates(crt.read_bytes())

    def request(self, name: str) -> bytes:
        """Return a PKCS#10 request, DER, that proves the key is held here; its subject is empty."""
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        key = self._load(name)
        return builder.sign(key, HASHES[key.curve.name]).public_bytes(serialization.Encoding.DER)

    def signer(self, name: str) -> SoftwareSigner:
        """Open a key; before its certificate is installed the signer has none."""
        crt = self._path(name, ".crt")
        certificates = x509.load_pem_x509_certificates(crt.read_bytes()) if crt.exists() else []
        return SoftwareSigner(self._load(name), tuple(certificates))

    def _load(self, name: str) -> ec.EllipticCurvePrivateKey:
        path = self._path(name, ".key")
        if not path.exists():
            raise Missing("keystore.key_missing", name=name)
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), self._passphrase)
        except ValueError as error:
            raise Misconfigured(
                file=path,
                key="passphrase",
                value="(hidden)",
                example="the secret that was in force when the key was made",
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise Misconfigured(file=path, key="key", value=type(key).__name__, example="P-256")
        return key

    def _path(self, name: str, suffix: str) -> Path:
        if not NAME.fullmatch(name):
            raise Misconfigured(file=self._folder, key="name", value=name, example="tsa")
        return self._folder / (name + suffix)


def write_durably(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a file whole or not at all: temporary file, fsync, rename, fsync of the folder."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
