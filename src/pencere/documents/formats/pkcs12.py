"""A key in a password-protected file. RFC 7292."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import pkcs12

from pencere.documents.formats.algorithms import hash_of
from pencere.documents.formats.signer import scheme_of
from pencere.kernel.errors import Invalid, Missing, Refused

_LARGEST_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Pkcs12Signer:
    """A key held in the memory of this process. It is opened by `open_pkcs12`."""

    certificate: x509.Certificate
    chain: Sequence[x509.Certificate]
    _key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = field(repr=False)
    most_digests: int = 1000

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        """Return one signature for each digest."""
        prehashed = utils.Prehashed(hash_of(scheme_of(self.certificate).digest))
        key = self._key
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return [key.sign(one, ec.ECDSA(prehashed)) for one in digests]
        return [key.sign(one, padding.PKCS1v15(), prehashed) for one in digests]


def open_pkcs12(file: Path, password: str) -> Pkcs12Signer:
    """Open a file and return the one key in it.

    Raises:
        Missing: `sign.key_missing`: no such file, or no key with its certificate in it.
        Refused: `sign.password_wrong`.
        Invalid: `sign.key_kind`.
    """
    try:
        if file.stat().st_size > _LARGEST_BYTES:
            raise Invalid("sign.key_file", file=file.name)
        content = file.read_bytes()
    except OSError as error:
        raise Missing("sign.key_missing", file=file.name, reason=error.strerror) from error
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(content, password.encode())
    except ValueError as error:
        # OpenSSL does not tell a wrong password from a damaged file.
        raise Refused("sign.password_wrong", file=file.name) from error
    if key is None or certificate is None:
        raise Missing("sign.key_missing", file=file.name)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise Invalid("sign.key_kind", key=type(key).__name__)
    scheme_of(certificate)
    return Pkcs12Signer(certificate, in_order(certificate, others), key)


def in_order(
    certificate: x509.Certificate, others: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """Return the certificates above one, nearest first, as far as `others` has them."""
    found: list[x509.Certificate] = []
    below = certificate
    while below.issuer != below.subject and len(found) < len(others):
        above = next((one for one in others if one.subject == below.issuer), None)
        if above is None or above in found:
            break
        found.append(above)
        below = above
    return tuple(found)
