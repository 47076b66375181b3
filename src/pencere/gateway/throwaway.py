"""Keys that live as long as a process: for the sandbox and for tests, never for an installation."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from pencere.gateway.directory.model import fingerprint_of
from pencere.kernel.clock import Clock
from pencere.kernel.errors import Refused


@dataclass(frozen=True)
class ThrowawayKey:
    """A P-256 key with a certificate that it signed itself."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def sign(self, data: bytes) -> bytes:
        """Return a DER ECDSA signature with SHA-256."""
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))

    def entry(self, use: str) -> dict[str, str]:
        """Return the certificate as the directory lists it."""
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        return {
            "use": use,
            "sha256": fingerprint_of(self.certificate),
            "der": base64.b64encode(der).decode("ascii"),
        }

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write certificate and key as PEM; return their paths."""
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        key.touch(mode=0o600)
        key.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, key


def make_key(name: str, clock: Clock) -> ThrowawayKey:
    """Make a key and its certificate, valid for a year."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    now = clock.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return ThrowawayKey(key, certificate)


class DirectoryKey:
    """Signs and verifies a directory with a key nobody else has."""

    def __init__(self) -> None:
        self._key = ECKey.generate_key("P-256", auto_kid=False)

    def sign(self, payload: Mapping[str, Any]) -> str:
        """Return the directory as a JWS."""
        return jws.serialize_compact({"alg": "ES256"}, json.dumps(payload).encode(), self._key)

    @property
    def verify(self) -> Callable[[str, datetime], Mapping[str, Any]]:
        """The verifier of what `sign` made."""

        def verify(text: str, at: datetime) -> Mapping[str, Any]:
            del at  # the key has no certificate that could end
            try:
                content = jws.deserialize_compact(text, self._key, algorithms=["ES256"]).payload
            except (JoseError, ValueError) as problem:
                raise Refused("directory.signature") from problem
            payload = json.loads(content)
            if not isinstance(payload, dict):
                raise Refused("directory.malformed")
            return payload

        return verify
